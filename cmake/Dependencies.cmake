# Libraries, all from the distribution. Each one that the agent links costs time at its start.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(JSONC REQUIRED IMPORTED_TARGET json-c>=0.15)
pkg_check_modules(CK REQUIRED IMPORTED_TARGET ck)
if(PQGA_TESTS)
    pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
    pkg_check_modules(SYSTEMD IMPORTED_TARGET libsystemd) # a logind of the test's own
    pkg_check_modules(FUSE3 IMPORTED_TARGET fuse3)
endif()
