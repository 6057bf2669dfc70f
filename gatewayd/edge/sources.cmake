list(APPEND GATEWAYD_SOURCES
    edge/ask.c edge/chain.c edge/connection.c edge/counters.c edge/deny.c edge/farewell.c
    edge/gate.c edge/give_back.c edge/handshake.c edge/idle.c edge/key_provider.c edge/knock.c edge/known.c edge/listener.c edge/live.c edge/preauth.c
    edge/proc.c edge/relay.c edge/request.c edge/resumption.c edge/route.c edge/setup.c edge/signer.c
    edge/ssh_disconnect.c edge/standing.c edge/wanted.c edge/tls.c edge/tls_verify.c edge/turns.c
    edge/upstream.c edge/upstream_io.c edge/upstream_tls.c edge/wire.c)
# HTTP services, and what stands in front of TLS.
list(APPEND GATEWAYD_SOURCES
    edge/http.c edge/http_answer.c edge/http_chunks.c edge/http_exchange.c edge/http_forward.c
    edge/http_head.c edge/http_relay.c edge/http_request.c edge/http_response.c edge/http_return.c edge/postgres.c
    edge/prelude.c edge/proxy_accept.c)
list(APPEND GATEWAYD_SOURCES edge/renew.c edge/tls_words.c)
list(APPEND GATEWAYD_SOURCES edge/forecast.c edge/retire.c)
