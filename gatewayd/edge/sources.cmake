list(APPEND GATEWAYD_SOURCES
    edge/ask.c edge/chain.c edge/connection.c edge/counters.c edge/deny.c edge/farewell.c
    edge/gate.c edge/handshake.c edge/idle.c edge/key_provider.c edge/knock.c edge/known.c edge/listener.c edge/live.c edge/preauth.c
    edge/proc.c edge/relay.c edge/request.c edge/route.c edge/setup.c edge/signer.c
    edge/ssh_disconnect.c edge/tls.c edge/tls_verify.c edge/turns.c edge/wire.c)
