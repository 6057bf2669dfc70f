# Tests of HTTP services, of PROXY headers that are accepted and of PostgreSQL's octets before TLS.
unit_test(http_request USES mtls::gatewayd_core)
unit_test(http_exchange USES mtls::gatewayd_core)
unit_test(proxy_accept USES mtls::gatewayd_core)
fuzz_target(http_request USES mtls::gatewayd_core)
fuzz_target(http_response USES mtls::gatewayd_core)
fuzz_target(proxy_accept USES mtls::gatewayd_core)
fuzz_target(postgres_prelude USES mtls::gatewayd_core)
