"""Users, passwords, SSH keys."""

import base64

from harness.case import case, check, equal

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHv0nHzxV0bTZ8cYwZkJQ5p0mQ9Y3x3W5m8G3m8x9p1k"
CRYPTED = "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"
FILE = "/home/tester/.ssh/authorized_keys"

# One record of utmp(5): type 7, pid, line, id, user, host, exit, session, time, ...
UTMP = ("perl -e 'print pack(\"l<l<a32a4a32a256s<s<l<l<l<a36\", 7, 1, \"tty9\", \"t9\", $ARGV[0], \"\", 0, 0, 1, "
        "$ARGV[1], 0, \"\")' {user} {time} >>/var/run/utmp;")


def _matches(vm, password: str) -> str:
    """"yes" if the guest's crypt(3) accepts a password for tester."""
    return vm.sh("perl -e '$h = (getpwnam(\"tester\"))[1]; print crypt($ARGV[0], $h) eq $h ? \"yes\" : \"no\"' "
                 + password)


def _set(client, password: bytes, crypted: bool = False, encoded: str | None = None) -> None:
    client.call("guest-set-user-password", {
        "username": "tester", "crypted": crypted, "password": encoded or base64.b64encode(password).decode()})


@case()
def password_is_set(vm):
    client = vm.agent()
    vm.sh("chage -d 2001-02-03 tester")
    _set(client, b"first-secret")
    equal("crypt(3) accepts it", _matches(vm, "first-secret"), "yes")
    check("chage does not tell of the change", "2001" not in vm.sh("LC_ALL=C chage -l tester | head -n 1"))
    _set(client, b"second-secret")
    equal("crypt(3) accepts the second", _matches(vm, "second-secret"), "yes")
    equal("crypt(3) accepts the first", _matches(vm, "first-secret"), "no")


@case()
def crypted_password_is_stored_as_it_is(vm):
    client = vm.agent()
    _set(client, CRYPTED.encode(), crypted=True)
    equal("shadow", vm.sh("getent shadow tester").split(":")[1], CRYPTED)


@case()
def newline_in_the_base64_is_tolerated(vm):
    """One large host sends it."""
    client = vm.agent()
    encoded = base64.b64encode(b"third-secret").decode()
    _set(client, b"", encoded=encoded[:8] + "\n" + encoded[8:] + "\n")
    equal("crypt(3) accepts it", _matches(vm, "third-secret"), "yes")


@case()
def password_refusals(vm):
    client = vm.agent()
    _set(client, b"kept-secret")
    for username, password in (("tester", b"a\nroot:x"), ("tes\nter", b"x"), ("tes:ter", b"x"), ("no-such-user", b"x")):
        client.error("guest-set-user-password", {
            "username": username, "crypted": False, "password": base64.b64encode(password).decode()})
    client.error("guest-set-user-password", {"username": "tester", "crypted": False, "password": "*not base64*"})
    equal("the old password stands", _matches(vm, "kept-secret"), "yes")


@case()
def keys_are_added_listed_removed(vm):
    client = vm.agent()
    vm.sh("rm -rf /home/tester/.ssh")
    for keys in (["%s one" % KEY], ["%s two" % KEY, "%s one" % KEY]):
        client.call("guest-ssh-add-authorized-keys", {"username": "tester", "keys": keys})
    equal("file", vm.sh(f"cat {FILE}").splitlines(), [f"{KEY} one", f"{KEY} two"])
    equal("owner and modes", vm.sh(f"stat -c '%U:%G %a' {FILE} /home/tester/.ssh").splitlines(),
          ["tester:tester 600", "tester:tester 700"])
    listed = client.call("guest-ssh-get-authorized-keys", {"username": "tester"})
    equal("listed", sorted(listed["keys"]), [f"{KEY} one", f"{KEY} two"])
    client.call("guest-ssh-remove-authorized-keys", {"username": "tester", "keys": [f"{KEY} one", f"{KEY} absent"]})
    equal("file after the removal", vm.sh(f"cat {FILE}"), f"{KEY} two")
    client.call("guest-ssh-add-authorized-keys", {"username": "tester", "keys": [f"{KEY} three"], "reset": True})
    equal("file after the reset", vm.sh(f"cat {FILE}"), f"{KEY} three")


@case()
def keys_of_root(vm):
    client = vm.agent()
    client.call("guest-ssh-add-authorized-keys", {"username": "root", "keys": [f"{KEY} root"], "reset": True})
    equal("file", vm.sh("cat /root/.ssh/authorized_keys"), f"{KEY} root")
    equal("mode", vm.sh("stat -c %a /root/.ssh/authorized_keys"), "600")


@case()
def keys_do_not_follow_a_users_symlink(vm):
    """A user who links the directory elsewhere must not make the agent write there as root."""
    client = vm.agent()
    vm.sh("rm -rf /home/tester/.ssh /root/case-ssh; mkdir -m 700 /root/case-ssh;"
          "ln -s /root/case-ssh /home/tester/.ssh")
    try:
        client.send("guest-ssh-add-authorized-keys", {"username": "tester", "keys": [f"{KEY} evil"]})
        client.reply()
        equal("files in root's directory", vm.sh("ls -A /root/case-ssh"), "")
    finally:
        vm.sh("rm -rf /home/tester/.ssh /root/case-ssh")


@case()
def key_errors(vm):
    client = vm.agent()
    add = "guest-ssh-add-authorized-keys"
    check("unknown user", "failed to lookup user" in client.error(add, {"username": "nobody-here", "keys": [KEY]}).desc)
    for key in ("# comment", "two\nlines"):
        client.error(add, {"username": "tester", "keys": [key]})


@case()
def empty_key_is_no_error(vm):
    """virsh sends one for the newline at the end of its file."""
    client = vm.agent()
    keys = {"username": "tester", "keys": [f"{KEY} one", ""]}
    client.call("guest-ssh-add-authorized-keys", keys | {"reset": True})
    equal("listed", client.call("guest-ssh-get-authorized-keys", {"username": "tester"}), {"keys": [f"{KEY} one"]})
    client.call("guest-ssh-remove-authorized-keys", keys)
    equal("listed", client.call("guest-ssh-get-authorized-keys", {"username": "tester"}), {"keys": []})


@case()
def users_come_from_utmp(vm):
    """Earliest login of each user; logind is not there under this guest's init."""
    client = vm.agent()
    logins = (("tester", 1700000000), ("tester", 1600000000), ("root", 1650000000))
    vm.sh("rm -f /var/run/utmp;" + "".join(UTMP.format(user=user, time=time) for user, time in logins))
    try:
        rows = {row["user"]: row["login-time"] for row in client.call("guest-get-users")}
        equal("users", rows, {"tester": 1600000000, "root": 1650000000})
    finally:
        vm.sh("rm -f /var/run/utmp")


@case()
def no_utmp_means_no_users(vm):
    vm.sh("rm -f /var/run/utmp")
    equal("users", vm.agent().call("guest-get-users"), [])
