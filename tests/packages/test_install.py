#!/usr/bin/env python3
"""`cmake --install` of a finished build, into directories of the tests' own.

    test_install.py BUILD-DIRECTORY CMAKE
"""

import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

UNIT = "usr/lib/systemd/system/qemu-guest-agent.service"
HOOK = "etc/qemu/fsfreeze-hook"
BUILD, CMAKE = sys.argv[1:3]


def command_line(unit, key="ExecStart"):
    return re.search(f"^{key}=(.*)$", unit.read_text(), re.M)[1]


def environment(unit, root):
    """What the files that the unit names give, as systemd reads them."""
    values = {}
    for path in re.findall(r"^EnvironmentFile=-?(.*)$", unit.read_text(), re.M):
        file = root / path.lstrip("/")
        for line in file.read_text().splitlines() if file.exists() else []:
            name, mark, value = line.partition("=")
            if mark and not line.startswith("#"):
                values[name] = " ".join(shlex.split(value))
    return values


def expand(command, values):
    """The command line: ${X} within a word, $X as words of its own."""
    words = []
    for word in command.split():
        if re.fullmatch(r"\$\w+", word):
            words += shlex.split(values.get(word[1:], ""))
        else:
            words.append(re.sub(r"\$\{(\w+)\}", lambda name: values.get(name[1], ""), word))
    return words


class Install(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = pathlib.Path(scratch.name)

    def install(self, prefix="/usr"):
        subprocess.run([CMAKE, "--install", BUILD, "--prefix", prefix], check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, DESTDIR=str(self.root)), timeout=60)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def configuration(self):
        """What the agent makes of the command line in the unit."""
        unit = self.root / UNIT
        words = expand(command_line(unit), environment(unit, self.root))
        self.write("empty.conf", "[general]\n")
        result = subprocess.run([str(self.root / words[0].lstrip("/")), *words[1:], "--dump-conf"], check=True,
                                env=dict(os.environ, QGA_CONF=str(self.root / "empty.conf")),
                                capture_output=True, text=True, timeout=20)
        return dict(line.split("=", 1) for line in result.stdout.splitlines() if "=" in line)

    def blocked(self):
        return set(re.findall(r"[\w-]+", self.configuration().get("block-rpcs", "")))

    def allowed(self):
        return set(re.findall(r"[\w-]+", self.configuration().get("allow-rpcs", "")))

    def test_unit_starts_the_agent_of_the_prefix_given_at_installation(self):
        for prefix in ("/usr", "/opt/pqga"):
            self.install(prefix)
            unit = self.root / prefix.lstrip("/") / "lib/systemd/system/qemu-guest-agent.service"
            for key in ("ExecStart", "ExecStopPost"):
                self.assertEqual(expand(command_line(unit, key), {})[0], f"{prefix}/sbin/qemu-ga")
            self.assertTrue(os.access(self.root / f"{prefix}/sbin/qemu-ga".lstrip("/"), os.X_OK))

    def test_udev_rule_has_the_name_of_the_distributions(self):
        self.install()
        rules = [path.name for path in self.root.rglob("*.rules")]
        self.assertEqual(rules, ["60-qemu-guest-agent.rules"])

    def test_new_hook_is_executable_and_has_its_directory(self):
        self.install()
        self.assertTrue(os.access(self.root / HOOK, os.X_OK))
        self.assertTrue((self.root / (HOOK + ".d")).is_dir())

    def test_edited_hook_is_kept(self):
        self.write(HOOK, "#!/bin/sh\n# mine\n")
        self.install()
        self.assertEqual((self.root / HOOK).read_text(), "#!/bin/sh\n# mine\n")
        self.assertIn("freeze", (self.root / (HOOK + ".dist")).read_text())

    def test_hook_that_is_a_link_is_kept(self):
        (self.root / HOOK).parent.mkdir(parents=True)
        (self.root / HOOK).symlink_to("/opt/backup/hook")
        self.install()
        self.assertTrue((self.root / HOOK).is_symlink())

    def test_unedited_hook_is_installed_again_in_place(self):
        self.install()
        self.install()
        self.assertFalse((self.root / (HOOK + ".dist")).exists())

    def test_without_settings_nothing_is_blocked_and_there_is_no_hook(self):
        self.install()
        self.assertEqual(self.blocked(), set())
        self.assertEqual(self.allowed(), set())
        self.assertNotIn("fsfreeze-hook", self.configuration())

    def test_arguments_of_etc_default_are_honoured(self):
        self.write("etc/default/qemu-guest-agent", '# Options\nDAEMON_ARGS="-b guest-exec -v"\nTRANSPORT=unused\n')
        self.install()
        self.assertEqual(self.blocked(), {"guest-exec"})
        self.assertEqual(self.configuration()["verbose"], "true")

    def test_lists_of_etc_sysconfig_are_honoured(self):
        self.write("etc/sysconfig/qemu-ga",
                   "BLACKLIST_RPC=guest-exec\nBLOCK_RPCS=guest-file-open,guest-file-read\n"
                   'FILTER_RPC_ARGS="--allow-rpcs=guest-ping,guest-info"\n')
        self.install()
        self.assertEqual(self.blocked(), {"guest-exec", "guest-file-open", "guest-file-read"})
        self.assertEqual(self.allowed(), {"guest-ping", "guest-info"})

    def test_hook_of_etc_sysconfig_is_honoured(self):
        for value, hook in (("/etc/qemu-ga/fsfreeze-hook", "/etc/qemu-ga/fsfreeze-hook"), ("", "/etc/qemu/fsfreeze-hook")):
            self.write("etc/sysconfig/qemu-ga", f"FSFREEZE_HOOK_PATHNAME={value}\n")
            self.install()
            self.assertEqual(self.configuration()["fsfreeze-hook"], hook)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
