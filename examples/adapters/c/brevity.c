/* A whole adapter in C: prefers short replies. Build it with
 *     cc -shared -fPIC -O2 -I ../../../plugins/sdk-c brevity.c -o brevity.so
 */
#include "tribunal.h"
#include <stdlib.h>

static int32_t create(const trb_source *kind, const trb_host *host, trb_str settings, void **self,
                      const trb_sink *err)
{
    double *per_byte = malloc(sizeof *per_byte);
    (void)kind;
    if (!per_byte)
        return trb_write(err, TRB_STR("out of memory")), TRB_E_FAILED;
    if (host->json_number(settings, TRB_STR("reward-per-byte"), per_byte) != TRB_OK)
        *per_byte = -1.0;
    *self = per_byte;
    return TRB_OK;
}

static int32_t identify(void *self, const trb_sink *json, const trb_sink *err)
{
    (void)self, (void)err;
    return trb_write(json, TRB_STR("{\"name\":\"brevity\",\"fingerprint\":\"1\",\"strength\":\"revision\"}"));
}

static int32_t score(void *self, const trb_batch *batch, double *out, size_t n_out, trb_job *job)
{
    const double per_byte = *(const double *)self;
    (void)n_out, (void)job;
    for (size_t i = 0; i < batch->n_questions; i++)
        for (size_t k = 0; k < TRB_QUESTION(batch, i)->n_candidates; k++)
            *out++ = per_byte * (double)TRB_QUESTION(batch, i)->candidates[k].len;
    return TRB_OK;
}

static const trb_source BREVITY = {
    .size = sizeof(trb_source), .max_in_flight = 2, .max_batch = 256, .no_self_check = 1,
    .name = TRB_LIT("c.brevity"), .version = TRB_LIT("1"), .summary = TRB_LIT("Prefers short replies."),
    .schema = TRB_LIT("{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"reward-per-byte\":"
                      "{\"type\":\"number\",\"default\":-1.0,\"description\":\"Reward added for each byte.\"}}}"),
    .create = create, .destroy = free, .identify = identify, .score = score,
};
static const trb_source *const SOURCES[] = {&BREVITY};
static const trb_plugin PLUGIN = {.size = sizeof(trb_plugin), .name = TRB_LIT("brevity"),
                                  .version = TRB_LIT("1"), .sources = SOURCES, .n_sources = 1};
TRB_PLUGIN(PLUGIN);
