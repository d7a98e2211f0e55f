"""The cases, one module a subject. Each function under @case is a ctest entry named vm.<module>.<function>."""
