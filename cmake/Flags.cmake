# Compiler flags of every target: link to pqga_flags.
option(PQGA_WERROR "Warnings are errors" ON)
option(PQGA_TESTS "Build the tests and benchmarks" ON)
option(PQGA_FUZZ "Build the libFuzzer targets (clang)" OFF)
set(PQGA_SANITIZE "" CACHE STRING "Sanitizers: empty, address,undefined or thread")

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
    $<$<CONFIG:Debug>:-fno-omit-frame-pointer>
    $<$<NOT:$<CONFIG:Debug>>:-fstack-protector-strong>)
target_link_options(pqga_flags INTERFACE -Wl,-z,relro,-z,now)

if(PQGA_SANITIZE)
    target_compile_options(pqga_flags INTERFACE -fsanitize=${PQGA_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(pqga_flags INTERFACE -fsanitize=${PQGA_SANITIZE})
endif()
if(NOT PQGA_SANITIZE)
    target_compile_definitions(pqga_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:_FORTIFY_SOURCE=2>)
endif()
if(PQGA_SANITIZE MATCHES thread)
    target_compile_definitions(pqga_flags INTERFACE PQGA_TSAN=1)
endif()
