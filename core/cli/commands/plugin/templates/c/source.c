/* `@NAME@`: a reward source. This one prefers short replies; put your own model in the place of `score`.
 * Built by `make`, or by hand: @BUILD@
 */
#include "tribunal.h"
#include <stdlib.h>

/* An instance with the settings of a recipe. Cheap: weights are better loaded by the method "load" of `call`. */
static int32_t create(const trb_source *kind, const trb_host *host, trb_str settings, void **self,
                      const trb_sink *err)
{
    double *weight = malloc(sizeof *weight);
    (void)kind;
    if (!weight)
        return trb_write(err, TRB_STR("out of memory")), TRB_E_FAILED;
    if (host->json_number(settings, TRB_STR("weight"), weight) != TRB_OK)
        *weight = -1.0;
    *self = weight;
    return TRB_OK;
}

/* Who answers: answers are stored under it. The fingerprint must differ whenever answers may differ. */
static int32_t identify(void *self, const trb_sink *json, const trb_sink *err)
{
    (void)self, (void)err;
    return trb_write(json, TRB_STR("{\"name\":\"@NAME@\",\"fingerprint\":\"1\",\"strength\":\"revision\"}"));
}

/* One number per candidate of each question, in a row; larger is better. `turns` of a question are what stands before. */
static int32_t score(void *self, const trb_batch *batch, double *out, size_t n_out, trb_job *job)
{
    const double weight = *(const double *)self;
    (void)n_out, (void)job;
    for (size_t i = 0; i < batch->n_questions; i++)
        for (size_t k = 0; k < TRB_QUESTION(batch, i)->n_candidates; k++)
            *out++ = weight * (double)TRB_QUESTION(batch, i)->candidates[k].len;
    return TRB_OK;
}

/* `.no_self_check` says that this is a control. Delete it for a model: known pairs are then put to it before every run. */
static const trb_source SOURCE = {
    .size = sizeof(trb_source), .max_in_flight = 1, .max_batch = 32, .no_self_check = 1,
    .name = TRB_LIT("@NAME@"), .version = TRB_LIT("1"), .summary = TRB_LIT("Prefers short replies."),
    .example = TRB_LIT("[source.@NAME@]\nkind = \"@NAME@\"\nweight = -1.0\n"),
    .schema = TRB_LIT("{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"weight\":{\"type\":\"number\","
                      "\"default\":-1.0,\"description\":\"Reward added for each byte; negative favours short replies.\"}}}"),
    .create = create, .destroy = free, .identify = identify, .score = score,
};
static const trb_source *const SOURCES[] = {&SOURCE};
static const trb_plugin PLUGIN = {.size = sizeof(trb_plugin), .name = TRB_LIT("@NAME@"), .version = TRB_LIT("1"),
                                  .sources = SOURCES, .n_sources = 1};
TRB_PLUGIN(PLUGIN);
