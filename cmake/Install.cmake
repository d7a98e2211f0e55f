# What is installed. The unit has the name distributions give it, since hosts and udev rules ask
# for that name; the configuration file is an example and lies with the documentation.
set(PQGA_SYSTEMD_DIR lib/systemd/system CACHE STRING "Where the unit goes, below the prefix")
set(PQGA_UDEV_DIR lib/udev/rules.d CACHE STRING "Where the udev rule goes, below the prefix")
# The agent looks for its hook in /etc/qemu whatever the prefix.
set(PQGA_CONF_DIR /etc/qemu CACHE PATH "Where the freeze hook goes")

install(TARGETS qemu-ga RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(FILES docs/qemu-ga.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES etc/qemu-ga.conf DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES etc/60-qemu-guest-agent.rules DESTINATION ${PQGA_UDEV_DIR})
install(DIRECTORY DESTINATION ${PQGA_CONF_DIR}/fsfreeze-hook.d)

option(PQGA_APPARMOR "Install the AppArmor profile" OFF)
if(PQGA_APPARMOR)
    install(FILES etc/apparmor.d/usr.sbin.qemu-ga DESTINATION /etc/apparmor.d)
endif()

# The prefix is known at last when files are installed: `cmake --install --prefix` gives another one.
install(CODE "
    set(source \"${CMAKE_SOURCE_DIR}/etc\")
    set(work \"${CMAKE_BINARY_DIR}/etc\")
    set(sbin_dir \"${CMAKE_INSTALL_SBINDIR}\")
    set(systemd_dir \"${PQGA_SYSTEMD_DIR}\")
    set(conf_dir \"${PQGA_CONF_DIR}\")
")
install(SCRIPT ${CMAKE_SOURCE_DIR}/cmake/InstallEtc.cmake)
