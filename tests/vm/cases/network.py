"""guest-network-get-interfaces and -route against ip(8)."""

import json

from harness import machine
from harness.case import case, check, equal

ROUTE_UP = 1


def _ip(vm, words: str):
    return json.loads(vm.sh(f"ip -j {words}"))


def _addresses(row: dict) -> set:
    return {(a["ip-address"], a["ip-address-type"], a["prefix"]) for a in row.get("ip-addresses", [])}


@case()
def interfaces_equal_ip_addr(vm):
    """Names, hardware addresses, and every address; one with a label of its own appears under that name."""
    client = vm.agent()
    rows = {row["name"]: row for row in client.call("guest-network-get-interfaces")}
    names = set()
    for link in _ip(vm, "addr"):
        wanted: dict[str, set] = {link["ifname"]: set()}
        for info in link["addr_info"]:
            name = info.get("label", link["ifname"]) if info["family"] == "inet" else link["ifname"]
            kind = "ipv4" if info["family"] == "inet" else "ipv6"
            wanted.setdefault(name, set()).add((info["local"], kind, info["prefixlen"]))
        for name, addresses in wanted.items():
            equal(f"addresses of {name}", _addresses(rows[name]), addresses)
            equal(f"hardware address of {name}", rows[name]["hardware-address"], link["address"])
        names |= set(wanted)
    equal("names", set(rows), names)
    equal("the host's card", rows["eth0"]["hardware-address"], machine.NIC_ADDRESS)


@case()
def interfaces_count_packets(vm):
    client = vm.agent()
    vm.sh("ping -c 1 127.0.0.1 >/dev/null 2>&1; true")
    for row in client.call("guest-network-get-interfaces"):
        if row["name"] in ("lo", "eth0"):
            for key, file in (("rx-packets", "rx_packets"), ("tx-bytes", "tx_bytes"), ("tx-dropped", "tx_dropped")):
                now = int(vm.sh(f"cat /sys/class/net/{row['name']}/statistics/{file}"))
                check(f"{key} of {row['name']}", 0 <= now - row["statistics"][key] < 10000)


@case()
def new_bridge_and_changed_address_appear(vm):
    client = vm.agent()
    vm.sh("ip link add case-br type bridge && ip addr add 192.0.2.77/25 dev case-br && ip link set case-br up")
    try:
        rows = {row["name"]: row for row in client.call("guest-network-get-interfaces")}
        check("the new address is missing", ("192.0.2.77", "ipv4", 25) in _addresses(rows["case-br"]))
        vm.sh("ip addr del 192.0.2.77/25 dev case-br; ip addr add 192.0.2.78/26 dev case-br")
        rows = {row["name"]: row for row in client.call("guest-network-get-interfaces")}
        equal("addresses after the change", {a for a in _addresses(rows["case-br"]) if a[1] == "ipv4"},
              {("192.0.2.78", "ipv4", 26)})
    finally:
        vm.sh("ip link del case-br")


@case()
def many_addresses_stay_affordable(vm):
    """2,000 of them: within the time limit of a host's poll even under emulation."""
    client = vm.agent()
    vm.sh("ip link add case-many type dummy; ip link set case-many up; for i in $(seq 0 1999); do "
          "echo addr add 10.7.$((i / 250)).$((i % 250))/32 dev case-many; done | ip -b -")
    try:
        rows = client.call("guest-network-get-interfaces", limit_sec=10)
        addresses = [address["ip-address"] for row in rows for address in row.get("ip-addresses", [])]
        equal("addresses", sum(address.startswith("10.7.") for address in addresses), 2000)
    finally:
        vm.sh("ip link del case-many")


@case()
def ipv4_routes_equal_ip_route(vm):
    client = vm.agent()
    rows = {(row["iface"], row["destination"], row["mask"], row["metric"], row["gateway"])
            for row in client.call("guest-network-get-route") if row["version"] == 4}
    wanted = set()
    for route in _ip(vm, "-4 route"):
        destination, _, length = route["dst"].partition("/")
        bits = 0 if route["dst"] == "default" else int(length or 32)
        mask = (0xffffffff << (32 - bits)) & 0xffffffff
        wanted.add((route["dev"], "0.0.0.0" if route["dst"] == "default" else destination,
                    ".".join(str(mask >> shift & 255) for shift in (24, 16, 8, 0)), route.get("metric", 0),
                    route.get("gateway", "0.0.0.0")))
    equal("routes", rows, wanted)


@case()
def ipv6_routes_equal_ip_route(vm):
    client = vm.agent()
    rows = [row for row in client.call("guest-network-get-route") if row["version"] == 6]
    mine = [row for row in rows if row["iface"] == "dummy0" and row["destination"].startswith("2001:db8:1:")]
    equal("routes to 2001:db8:1::/48", len(mine), 1)
    equal("nexthop", mine[0]["nexthop"], "2001:db8::fe")
    equal("length of the prefix", mine[0]["desprefixlen"], "48")
    equal("metric", mine[0]["metric"], 33)
    check(f"flags {mine[0]['flags']}", mine[0]["flags"] & ROUTE_UP)
    check("a negative number", all(row["metric"] >= 0 and row["flags"] >= 0 for row in rows))
