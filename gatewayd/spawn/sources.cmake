list(APPEND GATEWAYD_SOURCES spawn/proc.c spawn/serve.c spawn/pam_stack.c spawn/sshd_check.c)
