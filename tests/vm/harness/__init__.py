"""Boots the guest of the VM tests and talks to it: QMP, the agent's ports, and a root shell beside them."""
