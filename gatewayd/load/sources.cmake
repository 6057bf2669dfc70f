list(APPEND GATEWAYD_SOURCES load/load.c load/proc.c)
