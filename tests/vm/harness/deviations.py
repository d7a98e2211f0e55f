"""
Where qemu-ga 7.2 is expected to do otherwise, case by case: what fails on it and stands here is its own, known and
deviated from on purpose; what fails and does not stand here is new.
"""

_NO_FREEZE_TIMEOUT = "has no freeze-timeout: a guest whose host never returns stays frozen"
_ONE_THREAD = "runs one request at a time: nothing is answered while one hangs"
_NO_ROUTES = "guest-network-get-route is newer (9.1)"

REFERENCE: dict[str, str] = {
    "files.hanging_filesystem_does_not_take_the_agent": _ONE_THREAD,
    "files.single_stream_capture_works_again_and_again":
        "capture-output as a string is newer (8.0); from then on up to 11.1 a single stream works only once",
    "freeze.freeze_of_a_stuck_device_leaves_ping_and_thaw": _ONE_THREAD,
    "freeze.freeze_timeout_goes_on_after_a_restart": _NO_FREEZE_TIMEOUT,
    "freeze.hook_that_fails_prevents_the_freeze": "does not run the thaw hook after a freeze hook that failed",
    "freeze.hook_that_hangs_is_ended": "waits for a hook without limit, and answers nothing meanwhile",
    "freeze.hook_thaws_what_it_froze_if_nothing_was_frozen":
        "does not run the thaw hook when no filesystem was frozen",
    "freeze.host_that_never_returns_is_thawed_from": _NO_FREEZE_TIMEOUT,
    "freeze.log_waits_for_the_thaw": "drops log lines while frozen",
    "freeze.loop_device_freezes_before_its_backing_file":
        "freezes in reverse mount order only: hangs on a loop device whose backing filesystem is frozen already",
    "freeze.loop_device_of_a_detached_mount_freezes_first_too":
        "the same, whatever the mount through which the file was opened",
    "freeze.only_the_whitelist_is_served": "words the refusal otherwise (11.1 as we do)",
    "freeze.stuck_freeze_is_thawed_by_timeout": _NO_FREEZE_TIMEOUT,
    "network.ipv4_routes_equal_ip_route": _NO_ROUTES,
    "network.ipv6_routes_equal_ip_route": _NO_ROUTES,
    "power.users_come_from_logind": "knows utmp only",
    "storage.fsinfo_finds_the_disks": "gives virtio-scsi disks target 0, whatever their target is",
    "storage.fsinfo_knows_the_whole_size": "total-bytes-privileged is newer (9.1)",
    "system.info_names_every_command": "has fewer commands than the 11.1 schema",
    "system.load_equals_proc_loadavg": "guest-get-load is newer (10.0)",
    "system.time_needs_no_hwclock_program": "sets the clock chip by /sbin/hwclock only",
    "users.keys_do_not_follow_a_users_symlink": "writes as root through what the user controls",
    "virtio_serial.agent_sleeps_while_the_host_is_away": "looks ten times a second whether the host is back",
    "virtio_serial.host_closes_in_the_middle_of_a_request": "keeps half a request for the next session",
    "virtio_serial.host_that_does_not_read_costs_no_processor": "spins while the host does not read",
    "virtio_serial.port_is_found_without_udev_link": "looks for the udev link only",
}
