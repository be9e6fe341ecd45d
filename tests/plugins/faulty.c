/* A plugin that does wrong what it is told to by the setting `how`, or by a macro when it is built. For tests alone. */
#include "tribunal.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct faulty {
    const trb_host *host;
    char how[64];
} faulty;

static void keep(void *ctx, trb_str text)
{
    char *how = ctx;
    size_t length = text.len < 63 ? text.len : 63;
    memcpy(how, text.ptr, length);
    how[length] = 0;
}

static int is(const faulty *self, const char *how) { return strcmp(self->how, how) == 0; }

static int32_t create(const trb_source *kind, const trb_host *host, trb_str settings, void **out,
                      const trb_sink *err)
{
    faulty *self = calloc(1, sizeof *self);
    trb_sink how = {self->how, keep};
    (void)kind;
    self->host = host;
    host->json_text(settings, TRB_STR("how"), &how);
    if (is(self, "config"))
        return trb_write(err, TRB_STR("`how` cannot be `config`")), TRB_E_CONFIG;
    if (is(self, "config-path"))
        return trb_write(err, TRB_STR("{\"path\":[\"how\"],\"message\":\"`config-path` is not a way to fail\","
                                      "\"known\":[\"nan\",\"config-paths\"],\"hint\":\"use another one\"}")),
               TRB_E_CONFIG;
    if (is(self, "create-fails"))
        return trb_write(err, TRB_STR("there is no device")), TRB_E_FAILED;
    if (is(self, "create-sleeps"))
        sleep(3600);
    *out = self;
    return TRB_OK;
}

static int32_t identify(void *self, const trb_sink *json, const trb_sink *err)
{
    if (is(self, "no-identity"))
        return trb_write(err, TRB_STR("the weights are gone")), TRB_E_UNREACHABLE;
    if (is(self, "odd-identity"))
        return trb_write(json, TRB_STR("me"));
    if (is(self, "pending-identity"))
        return TRB_PENDING;
    if (is(self, "empty-identity"))
        return trb_write(json, TRB_STR("{\"name\":\"faulty\",\"fingerprint\":\"\",\"strength\":\"revision\"}"));
    return trb_write(json, TRB_STR("{\"name\":\"faulty\",\"fingerprint\":\"1\",\"strength\":\"revision\"}"));
}

/* Numbers of a later thread. */
typedef struct late {
    const trb_host *host;
    trb_job *job;
    double *out;
    size_t n_out;
    int times;
    unsigned wait_ms;
} late;

static void *finish(void *arg)
{
    late *later = arg;
    usleep(later->wait_ms * 1000);
    for (size_t i = 0; i < later->n_out; i++)
        later->out[i] = 1.0;
    for (int i = 0; i < later->times; i++)
        later->host->complete(later->job, TRB_OK);
    free(later);
    return NULL;
}

static int32_t pend(const faulty *self, double *out, size_t n_out, trb_job *job, int times, unsigned wait_ms)
{
    pthread_t thread;
    late *later = malloc(sizeof *later);
    *later = (late){self->host, job, out, n_out, times, wait_ms};
    pthread_create(&thread, NULL, finish, later);
    pthread_detach(thread);
    return TRB_PENDING;
}

static int32_t score(void *me, const trb_batch *batch, double *out, size_t n_out, trb_job *job)
{
    faulty *self = me;
    const trb_host *host = self->host;
    for (size_t i = 0; i < n_out; i++)
        out[i] = 1.0;
    if (is(self, "nan"))
        out[0] = NAN;
    else if (is(self, "unwritten"))
        return memcpy(out + n_out - 1, (const uint64_t[]){0x7ff8545242554e41u}, 8), TRB_OK;
    else if (is(self, "fails"))
        return host->error(job, TRB_ALL, TRB_E_FAILED, TRB_STR("the model is on fire")), TRB_E_FAILED;
    else if (is(self, "fails-silently"))
        return TRB_E_FAILED;
    else if (is(self, "odd-status"))
        return 77;
    else if (is(self, "denied"))
        return host->error(job, TRB_ALL, TRB_E_DENIED, TRB_STR("no key")), TRB_E_DENIED;
    else if (is(self, "busy"))
        return host->busy(job, TRB_ALL, 10, TRB_STR("later")), TRB_E_BUSY;
    else if (is(self, "both"))
        host->abstain(job, 0, 0, TRB_TOO_LONG, TRB_STR("and yet a number"));
    else if (is(self, "odd-question"))
        host->error(job, batch->n_questions, TRB_E_REJECTED, TRB_STR("who?"));
    else if (is(self, "odd-sample"))
        host->abstain(job, 0, 5, TRB_TOO_LONG, TRB_STR("which?"));
    else if (is(self, "odd-reason"))
        host->abstain(job, 0, 0, 99, TRB_STR("because"));
    else if (is(self, "half-part"))
        host->part(job, 0, 0, TRB_QUESTION(batch, 0)->n_candidates, TRB_STR("x"), 1.0);
    else if (is(self, "sleeps"))
        sleep(3600);
    else if (is(self, "polite"))
        while (!host->cancelled(job))
            usleep(1000);
    else if (is(self, "spins"))
        for (volatile unsigned long spun = 0;; spun++)
            ;
    else if (is(self, "pending"))
        return pend(self, out, n_out, job, 1, 20);
    else if (is(self, "twice"))
        return pend(self, out, n_out, job, 2, 1);
    else if (is(self, "late"))
        return pend(self, out, n_out, job, 1, 800);
    else if (is(self, "never"))
        return TRB_PENDING;
    else if (is(self, "segv")) {
        volatile int *volatile nowhere = NULL;
        *nowhere = 1;
    }
    else if (is(self, "aborts"))
        abort();
    else if (is(self, "exits"))
        exit(0);
    else if (is(self, "prints"))
        return write(1, "{\"id\":1}\n", 9) == 9 ? TRB_OK : TRB_E_FAILED;
    else if (is(self, "says")) {
        const trb_usage usage = {sizeof usage, 0, 12, -1, NAN};
        host->log(host->ctx, TRB_LOG_WARN, TRB_STR("a line for the log"));
        for (size_t i = 0; i < batch->n_questions; i++) {
            for (size_t k = 0; k < TRB_QUESTION(batch, i)->n_candidates; k++)
                host->part(job, i, 0, k, TRB_STR("half"), 0.5);
            host->transcript(job, i, 0, TRB_STR("{\"read\":true}"));
            host->usage(job, i, 0, &usage);
            host->served(job, i, 0, TRB_STR("model-1"));
        }
        memcpy(out, (const uint64_t[]){0x7ff8545242554e41u}, 8);
        host->abstain(job, 0, 0, TRB_REFUSED, TRB_STR("no"));
    }
    return TRB_OK;
}

static void destroy(void *self)
{
    if (is(self, "destroy-sleeps"))
        sleep(3600);
    free(self);
}

#ifdef NO_SCORE
#define SCORE NULL
#else
#define SCORE score
#endif
#ifndef NAME
#define NAME "faulty"
#endif

static const trb_source FAULTY = {
#ifdef SMALL_TABLE
    .size = 8,
#else
    .size = sizeof(trb_source),
#endif
    .max_in_flight = 1, .max_batch = 4, .most = 2, .no_self_check = 1,
    .name = TRB_LIT(NAME), .version = TRB_LIT("1"), .summary = TRB_LIT("Fails as it is told to."),
    .schema = TRB_LIT("{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"how\":"
                      "{\"type\":\"string\",\"description\":\"How it fails.\"}}}"),
    .create = create, .destroy = destroy, .identify = identify, .score = SCORE,
};
static const trb_source *const SOURCES[] = {&FAULTY};
static const trb_plugin PLUGIN = {.size = sizeof(trb_plugin), .name = TRB_LIT("faulty"),
                                  .version = TRB_LIT("1"), .sources = SOURCES, .n_sources = 1};

#ifndef MAJOR
#define MAJOR TRB_ABI_MAJOR
#endif
#ifndef NEEDS
#define NEEDS 0
#endif
#ifndef FLAGS
#define FLAGS 0
#endif
#ifdef WRONG_MAGIC
#define FIRST {'N', 'O', 'T', 'O', 'U', 'R', 'S', 0}
#else
#define FIRST TRB_MAGIC
#endif
#ifndef NO_RECORD
const trb_abi_record trb_plugin_abi = {FIRST, sizeof(trb_abi_record), MAJOR, 0, NEEDS, 0, FLAGS, "faulty sdk"};
#endif
#ifdef UNDEFINED
extern int a_function_that_nobody_has(void);
int uses(void);
int uses(void) { return a_function_that_nobody_has(); }
#endif
#ifndef NO_ENTRY
int32_t trb_plugin_entry_v1(const trb_host *host, const trb_plugin **out)
{
    (void)host;
#ifdef ENTRY_FAILS
    return TRB_E_FAILED;
#else
    *out = &PLUGIN;
    return TRB_OK;
#endif
}
#endif
