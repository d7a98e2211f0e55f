# pqga_floor(name FOLDER folder LINKS libs...): the static library of one folder of src/.
# A folder links only what is below it, so that an include that climbs does not link either.
function(pqga_floor name)
    cmake_parse_arguments(ARG "" "FOLDER" "LINKS" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${ARG_FOLDER}/*.c)
    if(NOT sources) # TEMP while parts arrive
        file(WRITE ${CMAKE_BINARY_DIR}/empty.c "extern int pqga_empty;\n")
        set(sources ${CMAKE_BINARY_DIR}/empty.c)
    endif()
    add_library(${name} STATIC ${sources})
    set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C)
    target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/src)
    target_link_libraries(${name} PUBLIC pqga_flags Threads::Threads ${ARG_LINKS})
endfunction()
