"""A libvirtd of our own, a guest under it, and virsh as the client."""
