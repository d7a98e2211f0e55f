# pqga_floor(name FOLDER folder LINKS libs...): the static library of one folder of src/.
# A folder links only what is below it, so that an include that climbs does not link either.
function(pqga_floor name)
    cmake_parse_arguments(ARG "" "FOLDER" "LINKS" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${ARG_FOLDER}/*.c)
    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/src)
    target_link_libraries(${name} PUBLIC pqga_flags Threads::Threads ${ARG_LINKS})
endfunction()

