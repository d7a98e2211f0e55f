# Runs at installation: the unit, which names the agent by its full path, and the freeze hook, which
# an administrator may have edited.
#
# Given: source (our etc/), work (a directory of the build), sbin_dir, systemd_dir, conf_dir.

# installed_path(path out): where a path of the installation is in the running system.
function(installed_path path out)
    if(NOT IS_ABSOLUTE ${path})
        set(path ${CMAKE_INSTALL_PREFIX}/${path})
    endif()
    set(${out} ${path} PARENT_SCOPE)
endfunction()

# Where /etc/sysconfig/qemu-ga is, it says whether there is a hook, by -F as the unit of those
# distributions has it. Elsewhere the configuration file alone does.
function(install_unit)
    installed_path(${sbin_dir}/qemu-ga PQGA_AGENT)
    set(PQGA_HOOK_ARGUMENT "")
    if(EXISTS $ENV{DESTDIR}/etc/sysconfig/qemu-ga)
        set(PQGA_HOOK_ARGUMENT " -F\${FSFREEZE_HOOK_PATHNAME}")
    endif()
    configure_file(${source}/qemu-ga.service.in ${work}/qemu-guest-agent.service @ONLY)
    installed_path(${systemd_dir} directory)
    file(INSTALL ${work}/qemu-guest-agent.service DESTINATION ${directory})
endfunction()

# A hook that differs from ours is kept, and ours goes beside it.
function(install_hook)
    installed_path(${conf_dir} directory)
    set(installed $ENV{DESTDIR}${directory}/fsfreeze-hook)
    set(name fsfreeze-hook)
    if(EXISTS ${installed} OR IS_SYMLINK ${installed})
        execute_process(COMMAND ${CMAKE_COMMAND} -E compare_files ${source}/fsfreeze-hook ${installed}
            RESULT_VARIABLE differs OUTPUT_QUIET ERROR_QUIET)
        if(differs)
            set(name fsfreeze-hook.dist)
            message(STATUS "Keeping ${installed}; this version's is ${installed}.dist")
        endif()
    endif()
    file(INSTALL ${source}/fsfreeze-hook DESTINATION ${directory} RENAME ${name} USE_SOURCE_PERMISSIONS)
endfunction()

install_unit()
install_hook()
