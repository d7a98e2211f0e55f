# Compiler flags of every target: link to pqga_flags.
include(CheckCCompilerFlag)
include(CheckCSourceCompiles)
include(CheckPIESupported)

option(PQGA_WERROR "Warnings are errors; the presets that developers and CI build with set it" OFF)
option(PQGA_TESTS "Build the tests and benchmarks" OFF)
option(PQGA_FUZZ "Build the libFuzzer targets (clang)" OFF)
set(PQGA_SANITIZE "" CACHE STRING "Sanitizers: empty, address,undefined or thread")

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(pqga_flags INTERFACE)
# Offsets and times have 64 bits, where a pointer has 32 too (glibc 2.34).
target_compile_definitions(pqga_flags INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64 _TIME_BITS=64)
target_compile_options(pqga_flags INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes
    -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wnull-dereference -Wimplicit-fallthrough
    -Wno-unused-parameter
    $<$<BOOL:${PQGA_WERROR}>:-Werror>
    $<$<CONFIG:Debug>:-fno-omit-frame-pointer>)
target_link_options(pqga_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)

# Position independent executables are asked for here: not every compiler makes them by itself. All
# our code ends in executables, so that -fPIE serves for the static libraries as well.
check_pie_supported(LANGUAGES C)
if(CMAKE_C_LINK_PIE_SUPPORTED)
    target_compile_options(pqga_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:-fPIE>)
    target_link_options(pqga_flags INTERFACE "$<$<NOT:$<CONFIG:Debug>>:${CMAKE_C_LINK_OPTIONS_PIE}>")
endif()

# pqga_hardening(flag...): each flag that the compiler knows, in optimised builds. packages.binary
# (tests/packages) looks for what became of them.
function(pqga_hardening)
    foreach(flag ${ARGN})
        string(MAKE_C_IDENTIFIER "PQGA_HAS${flag}" known)
        check_c_compiler_flag(${flag} ${known})
        if(${known})
            target_compile_options(pqga_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:${flag}>)
        endif()
    endforeach()
endfunction()
pqga_hardening(-fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64|i[3-6]86)$")
    pqga_hardening(-fcf-protection)
endif()

# Level 3 needs a compiler with __builtin_dynamic_object_size and glibc 2.34; else level 2.
set(CMAKE_REQUIRED_FLAGS "-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -Werror")
check_c_source_compiles("#include <stdlib.h>
#if __USE_FORTIFY_LEVEL != 3
#error no level 3
#endif
int main(void) { return 0; }" PQGA_HAS_FORTIFY_3)
unset(CMAKE_REQUIRED_FLAGS)
if(PQGA_HAS_FORTIFY_3)
    set(fortify 3)
else()
    set(fortify 2)
endif()
if(NOT PQGA_SANITIZE)
    target_compile_options(pqga_flags INTERFACE
        "$<$<NOT:$<CONFIG:Debug>>:SHELL:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=${fortify}>")
endif()

if(PQGA_SANITIZE)
    target_compile_options(pqga_flags INTERFACE -fsanitize=${PQGA_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(pqga_flags INTERFACE -fsanitize=${PQGA_SANITIZE})
endif()
if(PQGA_SANITIZE MATCHES thread)
    target_compile_definitions(pqga_flags INTERFACE PQGA_TSAN=1)
endif()
