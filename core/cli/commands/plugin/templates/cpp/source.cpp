// `@NAME@`: a reward source. This one prefers short replies; put your own model in the place of `reward`.
// Built by `make`, or by hand: @BUILD@
#include "tribunal.h"
#include <exception>
#include <new>
#include <string_view>

// What is kept between questions.
struct Scorer {
    const trb_host *host;
    double weight;
    double reward(std::string_view reply) const { return weight * static_cast<double>(reply.size()); }
};

// An instance with the settings of a recipe. Cheap: weights are better loaded by the method "load" of `call`.
static int32_t create(const trb_source *, const trb_host *host, trb_str settings, void **self, const trb_sink *) noexcept
{
    auto *scorer = new (std::nothrow) Scorer{host, -1.0};
    if (scorer)
        host->json_number(settings, TRB_STR("weight"), &scorer->weight);
    *self = scorer;
    return scorer ? TRB_OK : TRB_E_FAILED;
}

static void destroy(void *self) noexcept { delete static_cast<Scorer *>(self); }

// Who answers: answers are stored under it. The fingerprint must differ whenever answers may differ.
static int32_t identify(void *, const trb_sink *json, const trb_sink *) noexcept
{
    return trb_write(json, TRB_STR(R"({"name":"@NAME@","fingerprint":"1","strength":"revision"})"));
}

// One number per candidate of each question, in a row; larger is better. Nothing may be thrown out of it.
static int32_t score(void *self, const trb_batch *batch, double *out, size_t, trb_job *job) noexcept
try {
    for (size_t i = 0; i < batch->n_questions; i++)
        for (size_t k = 0; k < TRB_QUESTION(batch, i)->n_candidates; k++) {
            const trb_str text = TRB_QUESTION(batch, i)->candidates[k];
            *out++ = static_cast<Scorer *>(self)->reward({text.ptr, text.len});
        }
    return TRB_OK;
} catch (const std::exception &error) {
    const std::string_view what = error.what();
    static_cast<Scorer *>(self)->host->error(job, TRB_ALL, TRB_E_PANIC, {what.data(), what.size()});
    return TRB_E_PANIC;
}

static const trb_source SOURCE = [] {
    trb_source source{};
    source.size = sizeof(trb_source);
    source.max_in_flight = 1;
    source.no_self_check = 1; // A control. Delete it for a model: known pairs are then put to it before every run.
    source.name = TRB_STR("@NAME@");
    source.version = TRB_STR("1");
    source.summary = TRB_STR("Prefers short replies.");
    source.example = TRB_STR("[source.@NAME@]\nkind = \"@NAME@\"\nweight = -1.0\n");
    source.schema = TRB_STR(R"({"type":"object","additionalProperties":false,"properties":{"weight":{"type":"number",
        "default":-1.0,"description":"Reward added for each byte; negative favours short replies."}}})");
    source.create = create;
    source.destroy = destroy;
    source.identify = identify;
    source.score = score;
    return source;
}();
static const trb_source *const SOURCES[] = {&SOURCE};
static const trb_plugin PLUGIN = {sizeof(trb_plugin), 0, TRB_LIT("@NAME@"), TRB_LIT("1"), SOURCES, 1, nullptr, 0, nullptr, 0};
TRB_PLUGIN(PLUGIN);
