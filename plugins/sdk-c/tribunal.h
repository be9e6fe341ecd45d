/* tribunal.h: the boundary between Tribunal and adapters in C, C++ or any language that can export C functions.
 *
 * One header, C11 and C++17, 64-bit machines. A plugin is a shared library with two symbols: a record that can be read without
 * running code, and an entry that hands out tables of functions. `TRB_PLUGIN(table)` at the end of this file emits both.
 * The smallest whole plugin is examples/adapters/c/brevity.c.
 *
 * Rules
 *  1. Nothing that one side allocates is freed by the other. Text goes in by borrow and comes out through callbacks and sinks,
 *     which copy.
 *  2. The batch struct lives during the call. What it points at, `out` and `job` live until the call returns a final status, or,
 *     after TRB_PENDING, until `complete`. Copy the struct if you return TRB_PENDING.
 *  3. After TRB_PENDING call `complete` exactly once. What is said about a job afterwards is ignored.
 *  4. Nothing may unwind out of a function (no C++ exception, no longjmp). The function types are `noexcept` in C++.
 *  5. `cancel` may cross with `complete`: ignore a job that you no longer know.
 *  6. `score` and `call` run on threads of the host that belong to your instance, at most `max_in_flight` at once (0 means 1).
 *     `create` comes before all, `destroy` after all of them, and never while a job is open.
 *  7. Text from the host is valid UTF-8 without a NUL at the end. Text from a plugin is checked.
 *  8. A library is never unloaded. Do not overwrite a loaded file in place: replace it by rename.
 *
 * Versions: the major stands in the symbol and in the record. A minor only appends: every struct begins with its size and
 * questions have a stride, so use a newer field only where `size` covers it. `min_host_minor` is what a plugin cannot do without.
 */
#ifndef TRIBUNAL_H
#define TRIBUNAL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define TRB_NOEXCEPT noexcept
extern "C" {
#else
#define TRB_NOEXCEPT
#endif

#if defined(_WIN32)
#define TRB_EXPORT __declspec(dllexport)
#else
#define TRB_EXPORT __attribute__((visibility("default")))
#endif

#define TRB_ABI_MAJOR 1
#define TRB_ABI_MINOR 0

/* What a call returns. Errors say who must act. */
enum {
    TRB_OK = 0,             /* done */
    TRB_PENDING = 1,        /* under way; `complete` follows. Only from `score` and `call` */
    TRB_E_FAILED = -1,      /* the adapter failed; not asked again */
    TRB_E_PANIC = -2,       /* it panicked or threw, and caught it */
    TRB_E_CANCELLED = -3,   /* it stopped because it was asked to */
    TRB_E_CONFIG = -4,      /* the settings are wrong; only from `create` */
    TRB_E_PROTOCOL = -5,    /* the host broke a rule of this file */
    TRB_E_BUSY = -6,        /* ask again later */
    TRB_E_UNREACHABLE = -7, /* a backend did not answer; ask again */
    TRB_E_REJECTED = -8,    /* this question cannot be answered, others can */
    TRB_E_DENIED = -9       /* credentials are wrong or missing */
};

/* Why a question has no scores although it was read: data, not an error. */
enum {
    TRB_UNREADABLE = 0, /* the reply holds no verdict, or conflicting ones */
    TRB_REFUSED = 1,    /* the model or a content filter declined */
    TRB_TRUNCATED = 2,  /* the reply ended before its verdict */
    TRB_TOO_LONG = 3,   /* the question does not fit into the model */
    TRB_MISSING = 4     /* nothing is recorded for this question */
};

/* What a source reads, and what its numbers are. */
enum { TRB_READS_TEXT = 0, TRB_READS_SUBSET = 1, TRB_READS_KEY = 2 };
enum { TRB_SCALE_FREE = 0, TRB_SCALE_LOGIT = 1, TRB_SCALE_UNIT = 2 };
enum { TRB_LOG_ERROR = 1, TRB_LOG_WARN = 2, TRB_LOG_INFO = 3, TRB_LOG_DEBUG = 4 };

/* In place of a question's number: all questions of the batch. */
#define TRB_ALL SIZE_MAX
/* The most candidates of a question that is a list of any length. */
#define TRB_ANY 65535

typedef struct trb_str {
    const char *ptr;
    size_t len; /* bytes */
} trb_str;

typedef struct trb_turn {
    trb_str role, content; /* role: "system", "user", "assistant" */
} trb_turn;

/* A prompt and candidate replies to it. Questions of a batch with equal `turns` are about the same prompt. */
typedef struct trb_question {
    const trb_turn *turns;
    size_t n_turns;
    const trb_str *candidates; /* NULL for items without text (only where the source reads keys) */
    size_t n_candidates;       /* scores wanted, for each sample */
    const uint64_t *seeds;     /* one for each sample */
    size_t n_samples;          /* at least 1; always 1 unless the source draws */
    trb_str subset;            /* the item's topic, where the source reads subsets */
    trb_str key_json;          /* {"suite","subset","id","candidates"}, where the source reads keys */
} trb_question;

typedef struct trb_batch {
    uint32_t size;            /* of this struct */
    uint32_t question_stride; /* bytes from one question to the next */
    const void *questions;
    size_t n_questions;
} trb_batch;

#define TRB_QUESTION(batch, i) \
    ((const trb_question *)((const char *)(batch)->questions + (size_t)(i) * (batch)->question_stride))

/* Takes text; may be written several times. The receiver copies. */
typedef struct trb_sink {
    void *ctx;
    void (*write)(void *ctx, trb_str bytes) TRB_NOEXCEPT;
} trb_sink;

/* One call under way. Not to be looked into. */
typedef struct trb_job trb_job;

/* What a sample cost. */
typedef struct trb_usage {
    uint32_t size, reserved;
    int64_t input_tokens, output_tokens; /* -1: not known */
    double usd;                          /* NaN: not known */
} trb_usage;

/* What the host offers. It lives as long as the program. All functions may be called from any thread. `question` counts from 0
 * in the batch, `sample` from 0 in the question, `candidate` from 0 in the order shown. */
typedef struct trb_host {
    uint32_t size;
    uint16_t abi_major, abi_minor;
    void *ctx;
    void (*log)(void *ctx, int32_t level, trb_str text) TRB_NOEXCEPT;
    /* Not 0 once nobody waits for the job any longer. Cheap: ask it in long loops. */
    int32_t (*cancelled)(const trb_job *) TRB_NOEXCEPT;
    /* A question (or TRB_ALL) has no answer: one of the negative codes, and a message. */
    void (*error)(trb_job *, size_t question, int32_t code, trb_str message) TRB_NOEXCEPT;
    /* A question (or TRB_ALL) may be asked again after `wait_ms` (-1: not known). */
    void (*busy)(trb_job *, size_t question, int64_t wait_ms, trb_str message) TRB_NOEXCEPT;
    /* A sample has no scores, and why. Leave its slots of `out` as they are. */
    void (*abstain)(trb_job *, size_t question, size_t sample, int32_t reason, trb_str note) TRB_NOEXCEPT;
    /* A named number kept beside a score, such as another head of the model. Give it for every candidate. */
    void (*part)(trb_job *, size_t question, size_t sample, size_t candidate, trb_str name, double value) TRB_NOEXCEPT;
    /* What was read or written, as JSON, for a person to look at. */
    void (*transcript)(trb_job *, size_t question, size_t sample, trb_str json) TRB_NOEXCEPT;
    void (*usage)(trb_job *, size_t question, size_t sample, const trb_usage *) TRB_NOEXCEPT;
    /* The model id that a server reports. */
    void (*served)(trb_job *, size_t question, size_t sample, trb_str model) TRB_NOEXCEPT;
    /* Ends a job that returned TRB_PENDING, with a final status. */
    void (*complete)(trb_job *, int32_t status) TRB_NOEXCEPT;
    /* Reads JSON: `pointer` is a key ("max-length") or a JSON pointer ("/a/0/b"). TRB_OK, or TRB_E_CONFIG when there is no such
     * number or text. `true` and `false` read as 1 and 0. */
    int32_t (*json_number)(trb_str json, trb_str pointer, double *out) TRB_NOEXCEPT;
    int32_t (*json_text)(trb_str json, trb_str pointer, const trb_sink *out) TRB_NOEXCEPT;
} trb_host;

/* The record: 64 bytes without pointers in read-only data, so that it can be read from the file. Never changes its shape. */
typedef struct trb_abi_record {
    uint8_t magic[8]; /* TRB_MAGIC */
    uint32_t record_size;
    uint16_t abi_major, abi_minor, min_host_minor, reserved;
    uint32_t flags;
    char sdk[40]; /* who built it, for messages; ends in NUL */
} trb_abi_record;

#define TRB_MAGIC {'T', 'R', 'B', 'P', 'L', 'U', 'G', 0}
#define TRB_FLAG_PANIC_ABORT 1u /* a panic of this plugin ends the program */

typedef struct trb_source trb_source;
typedef struct trb_generator trb_generator;
typedef struct trb_suite trb_suite;

/* A kind of source: `[source.x] kind = "name"`. Zero and empty mean the default in brackets. */
struct trb_source {
    uint32_t size;
    uint32_t max_in_flight; /* calls of `score` at the same time [1] */
    uint32_t max_batch;     /* most questions in one call [32] */
    uint16_t least, most;   /* candidates of a question [1, least] */
    uint16_t reads, scale;  /* TRB_READS_... [text], TRB_SCALE_... [free] */
    uint16_t draws;         /* 1: samples of a question differ, and seeds are given */
    uint16_t no_self_check; /* 1: a control; known pairs are not put to it */
    trb_str name;           /* lower case letters, digits, '.', '-' */
    trb_str summary, version, example;
    trb_str schema; /* JSON Schema of the settings [no settings]; see docs/plugin-protocol.md */
    trb_str lane;   /* sources with the same lane share one queue [own queue] */
    const void *data;

    /* Makes an instance. Cheap: load weights in `call` with the method "load". On TRB_E_CONFIG write a message to `err`, or JSON
     * {"path": ["key"], "message", "hint", "known": []}, which is drawn at the recipe's line. */
    int32_t (*create)(const trb_source *kind, const trb_host *host, trb_str settings_json, void **self,
                      const trb_sink *err) TRB_NOEXCEPT;
    void (*destroy)(void *self) TRB_NOEXCEPT;
    /* Who answers: {"name", "fingerprint", "strength": "weights" | "revision" | "name"}. The fingerprint differs whenever answers
     * may differ. Without loading weights. */
    int32_t (*identify)(void *self, const trb_sink *json, const trb_sink *err) TRB_NOEXCEPT;
    /* Writes one finite number for each candidate of each sample of each question, in a row; larger is better. A question is filled,
     * or `abstain` or `error` was called for it: neither, or both, is an error of the plugin. A negative status fails all questions. */
    int32_t (*score)(void *self, const trb_batch *batch, double *out, size_t n_out, trb_job *job) TRB_NOEXCEPT;

    /* All below may be NULL. */
    void (*cancel)(void *self, trb_job *job) TRB_NOEXCEPT; /* a hint from another thread */
    /* What depends on the settings, as JSON: keys `arity` [least, most], `reads`, `draws`, `scale`, `batch`, `in-flight`, `lane`. */
    int32_t (*declare)(void *self, const trb_sink *json) TRB_NOEXCEPT;
    /* Other requests as JSON: methods "load" (weights, before the first `score`; counts in no timeout) and "inspect", as in
     * docs/plugin-protocol.md. TRB_E_REJECTED for a method that is not known. */
    int32_t (*call)(void *self, trb_str method, trb_str request_json, const trb_sink *reply, const trb_sink *err,
                    trb_job *job) TRB_NOEXCEPT;
};

/* A kind of generator: `[generator.x]`. Methods of `call`: "identify", "generate", and perhaps "declare", "load" and "inspect";
 * requests and replies are those of docs/plugin-protocol.md without `op`, `id` and `handle`. */
struct trb_generator {
    uint32_t size;
    uint32_t max_in_flight; /* [1] */
    uint32_t max_batch;     /* prompts in one call [1] */
    uint32_t reserved;
    trb_str name, summary, version, example, schema, lane;
    const void *data;
    int32_t (*create)(const trb_generator *kind, const trb_host *host, trb_str settings_json, void **self,
                      const trb_sink *err) TRB_NOEXCEPT;
    void (*destroy)(void *self) TRB_NOEXCEPT;
    int32_t (*call)(void *self, trb_str method, trb_str request_json, const trb_sink *reply, const trb_sink *err,
                    trb_job *job) TRB_NOEXCEPT;
    void (*cancel)(void *self, trb_job *job) TRB_NOEXCEPT; /* may be NULL */
};

/* A kind of suite: `[suite.x]`. Methods of `call`: "declare", "items", and with own grading "contest", "grade", "chance",
 * "aggregates"; requests and replies as in docs/plugin-protocol.md. */
struct trb_suite {
    uint32_t size, reserved;
    trb_str name, summary, version, example, schema;
    const void *data;
    int32_t (*create)(const trb_suite *kind, const trb_host *host, trb_str settings_json, void **self,
                      const trb_sink *err) TRB_NOEXCEPT;
    void (*destroy)(void *self) TRB_NOEXCEPT;
    int32_t (*call)(void *self, trb_str method, trb_str request_json, const trb_sink *reply, const trb_sink *err,
                    trb_job *job) TRB_NOEXCEPT;
};

typedef struct trb_plugin {
    uint32_t size, reserved;
    trb_str name, version;
    const trb_source *const *sources;
    size_t n_sources;
    const trb_generator *const *generators;
    size_t n_generators;
    const trb_suite *const *suites;
    size_t n_suites;
} trb_plugin;

/* The two symbols of a plugin. */
TRB_EXPORT extern const trb_abi_record trb_plugin_abi;
TRB_EXPORT int32_t trb_plugin_entry_v1(const trb_host *host, const trb_plugin **out) TRB_NOEXCEPT;

/* A literal as trb_str: TRB_LIT in initialisers, TRB_STR in expressions. */
#define TRB_LIT(text) {(text), sizeof(text) - 1}
#ifdef __cplusplus
#define TRB_STR(text) (trb_str{(text), sizeof(text) - 1})
#else
#define TRB_STR(text) ((trb_str){(text), sizeof(text) - 1})
#endif

static inline int32_t trb_write(const trb_sink *sink, trb_str text)
{
    sink->write(sink->ctx, text);
    return TRB_OK;
}

/* Emits the record and the entry for a `static const trb_plugin`. */
#define TRB_PLUGIN(table)                                                                              \
    const trb_abi_record trb_plugin_abi = {TRB_MAGIC, sizeof(trb_abi_record), TRB_ABI_MAJOR,           \
                                           TRB_ABI_MINOR, 0, 0, 0, "tribunal.h 1.0"};                  \
    int32_t trb_plugin_entry_v1(const trb_host *host, const trb_plugin **out) TRB_NOEXCEPT             \
    {                                                                                                  \
        (void)host;                                                                                    \
        *out = &(table);                                                                               \
        return TRB_OK;                                                                                 \
    }                                                                                                  \
    struct trb_ends_in_a_semicolon

#ifdef __cplusplus
}
#define TRB_ASSERT_SIZE(type, bytes) static_assert(sizeof(type) == (bytes), #type " has another size on this machine")
#else
#define TRB_ASSERT_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " has another size on this machine")
#endif
TRB_ASSERT_SIZE(void *, 8);
TRB_ASSERT_SIZE(trb_str, 16);
TRB_ASSERT_SIZE(trb_question, 80);
TRB_ASSERT_SIZE(trb_batch, 24);
TRB_ASSERT_SIZE(trb_usage, 32);
TRB_ASSERT_SIZE(trb_abi_record, 64);
TRB_ASSERT_SIZE(trb_host, 112);
TRB_ASSERT_SIZE(trb_source, 184);
TRB_ASSERT_SIZE(trb_generator, 152);
TRB_ASSERT_SIZE(trb_suite, 120);
TRB_ASSERT_SIZE(trb_plugin, 88);

#endif /* TRIBUNAL_H */
