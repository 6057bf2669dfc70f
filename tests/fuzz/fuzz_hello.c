/* The two extensions of a ClientHello that select a service: one after the other, u8 length first.
 */
#include "common/reader.h"
#include "common/text.h"
#include "gatewayd/edge/route.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const listeners[] = {"main"}, *const names[] = {"*.b", "a.b"};
    static struct config_service service = {
        .title = "s", .listener = {listeners, 1}, .sni = {names, 2}, .alpn = {names, 1}};
    static struct config_listener listener = {.title = "main"};
    const struct config config = {
        .service = &service, .n_service = 1, .listener = &listener, .n_listener = 1};
    struct reader r = reader_over((struct bytes){data, size});
    struct bytes server_name = reader_take(&r, reader_u8(&r));
    struct bytes alpn = reader_take(&r, reader_left(&r));
    struct hello hello;
    struct route route;

    if (!hello_read(server_name, alpn, &hello))
        return 0;
    if (!text_is_clean(bytes_of(hello.sni)))
        abort();
    if (route_select(&config, 0, &hello, false, &route))
        (void)route_protocol(&config, &route, &hello);
    return 0;
}
