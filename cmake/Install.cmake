# What is installed. The unit has the name distributions give it, since hosts and udev rules ask
# for that name; the configuration file is an example and lies with the documentation.
install(TARGETS qemu-ga RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(FILES docs/qemu-ga.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES etc/qemu-ga.conf DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

set(PQGA_SYSTEMD_DIR lib/systemd/system CACHE STRING "Where the unit goes, below the prefix")
set(PQGA_UDEV_DIR lib/udev/rules.d CACHE STRING "Where the udev rule goes, below the prefix")
configure_file(etc/qemu-ga.service.in etc/qemu-guest-agent.service @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/etc/qemu-guest-agent.service DESTINATION ${PQGA_SYSTEMD_DIR})
install(FILES etc/99-qemu-guest-agent.rules DESTINATION ${PQGA_UDEV_DIR})

# The agent looks for its hook in /etc/qemu whatever the prefix.
set(PQGA_CONF_DIR /etc/qemu CACHE PATH "Where the freeze hook goes")
if(EXISTS ${CMAKE_SOURCE_DIR}/etc/fsfreeze-hook)
    install(PROGRAMS etc/fsfreeze-hook DESTINATION ${PQGA_CONF_DIR})
    install(DIRECTORY DESTINATION ${PQGA_CONF_DIR}/fsfreeze-hook.d)
endif()
