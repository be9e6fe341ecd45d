/* A plugin that breaks one promise, chosen by a macro. Used by tests/plugin_command/broken.rs. */
#include "tribunal.h"
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static int calls;
static volatile double shared;

static int32_t create(const trb_source *kind, const trb_host *host, trb_str settings, void **self, const trb_sink *err)
{
    (void)kind, (void)host, (void)settings, (void)err;
    *self = &calls;
    return TRB_OK;
}

static void destroy(void *self) { (void)self; }

static int32_t identify(void *self, const trb_sink *json, const trb_sink *err)
{
    (void)self, (void)err;
#ifdef CHANGES_ITS_IDENTITY
    static int asked;
    if (asked++ % 2)
        return trb_write(json, TRB_STR("{\"name\":\"b\",\"fingerprint\":\"2\",\"strength\":\"revision\"}"));
#endif
    return trb_write(json, TRB_STR("{\"name\":\"b\",\"fingerprint\":\"1\",\"strength\":\"revision\"}"));
}

static int32_t score(void *self, const trb_batch *batch, double *out, size_t n_out, trb_job *job)
{
    (void)self, (void)n_out, (void)job;
    calls++;
    for (size_t i = 0; i < batch->n_questions; i++)
        for (size_t k = 0; k < TRB_QUESTION(batch, i)->n_candidates; k++) {
            size_t length = TRB_QUESTION(batch, i)->candidates[k].len;
            double value = (double)length;
#ifdef GIVES_NAN
            if (length == 0)
                value = NAN;
#endif
#ifdef CHANGES_ITS_MIND
            value += calls;
#endif
#ifdef DEPENDS_ON_THE_BATCH
            value += (double)batch->n_questions;
#endif
#ifdef ROUNDS_BY_THE_BATCH
            value += 1e-9 * (double)batch->n_questions;
#endif
#ifdef DEPENDS_ON_THE_ORDER
            value += (double)i;
#endif
#ifdef PREFERS_THE_FIRST
            value = -(double)k;
#endif
#ifdef CRASHES_ON_LONG_TEXT
            if (length > 1000000)
                abort();
#endif
#ifdef SHARES_BETWEEN_CALLS
            shared = value;
            usleep(300);
            value = shared;
#endif
#ifdef SLEEPS_ON_LONG_TEXT
            if (length > 1000000)
                sleep(1000);
#endif
#ifdef SLEEPS_FOR_EVER
            for (;;)
                sleep(1000);
#endif
            *out++ = value;
        }
    return TRB_OK;
}

#ifdef SHARES_BETWEEN_CALLS
#define IN_FLIGHT 4
#else
#define IN_FLIGHT 1
#endif
#ifdef PREFERS_THE_FIRST
#define MOST 2
#else
#define MOST 1
#endif
#ifdef TAKES_ANY_KEY
#define SCHEMA "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\"}}}"
#elif defined(HAS_A_WRONG_EXAMPLE)
#define SCHEMA "{\"type\":\"object\",\"properties\":{},\"additionalProperties\":false}"
#else
#define SCHEMA "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\",\"description\":\"d\"}},\"additionalProperties\":false}"
#endif

static const trb_source SOURCE = {
    .size = sizeof(trb_source), .max_in_flight = IN_FLIGHT, .max_batch = 32, .least = MOST, .most = MOST,
    .name = TRB_LIT("broken"), .version = TRB_LIT("1"), .summary = TRB_LIT("Breaks a promise."),
    .example = TRB_LIT("[source.b]\nkind = \"broken\"\na = 1\nsuites = []\n"), .schema = TRB_LIT(SCHEMA),
    .create = create, .destroy = destroy, .identify = identify, .score = score,
};
static const trb_source *const SOURCES[] = {&SOURCE};
static const trb_plugin PLUGIN = {.size = sizeof(trb_plugin), .name = TRB_LIT("broken"), .version = TRB_LIT("1"),
                                  .sources = SOURCES, .n_sources = 1};
TRB_PLUGIN(PLUGIN);
