list(APPEND GATEWAYD_SOURCES directory/credentials.c directory/disk.c directory/nss.c
    directory/proc.c directory/publish.c directory/resolve.c directory/source.c)
