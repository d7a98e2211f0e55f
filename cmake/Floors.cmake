# pqga_floor(name FOLDERS folders... LINKS libs...): the static library of one floor of src/.
# A floor links only what is below it, so that an include that climbs does not link either.
function(pqga_floor name)
    cmake_parse_arguments(ARG "" "" "FOLDERS;LINKS" ${ARGN})
    list(TRANSFORM ARG_FOLDERS PREPEND ${CMAKE_SOURCE_DIR}/src/)
    list(TRANSFORM ARG_FOLDERS APPEND /*.c)
    file(GLOB sources CONFIGURE_DEPENDS ${ARG_FOLDERS})
    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/src)
    target_link_libraries(${name} PUBLIC pqga_flags Threads::Threads ${ARG_LINKS})
endfunction()

