// A whole adapter in C++: counts the words of a reply. Build it with
//     c++ -std=c++17 -shared -fPIC -O2 -I ../../../plugins/sdk-c wordiness.cpp -o wordiness.so
#include "tribunal.h"

#include <exception>
#include <sstream>
#include <string>

namespace {

struct Wordiness {
    const trb_host *host;
    double per_word;
};

// Nothing may be thrown across the boundary: this turns an exception into a status and a message.
template <typename Work> int32_t guarded(const trb_host *host, trb_job *job, Work work) noexcept
{
    try {
        return work();
    } catch (const std::exception &error) {
        const std::string what = error.what();
        host->error(job, TRB_ALL, TRB_E_PANIC, {what.data(), what.size()});
    } catch (...) {
    }
    return TRB_E_PANIC;
}

int32_t create(const trb_source *, const trb_host *host, trb_str settings, void **self, const trb_sink *) noexcept
{
    auto *made = new (std::nothrow) Wordiness{host, -1.0};
    if (made == nullptr)
        return TRB_E_FAILED;
    host->json_number(settings, TRB_STR("reward-per-word"), &made->per_word);
    *self = made;
    return TRB_OK;
}

void destroy(void *self) noexcept { delete static_cast<Wordiness *>(self); }

int32_t identify(void *, const trb_sink *json, const trb_sink *) noexcept
{
    return trb_write(json, TRB_STR(R"({"name":"wordiness","fingerprint":"1","strength":"revision"})"));
}

int32_t score(void *self, const trb_batch *batch, double *out, size_t, trb_job *job) noexcept
{
    const auto *wordiness = static_cast<const Wordiness *>(self);
    return guarded(wordiness->host, job, [&] {
        for (size_t i = 0; i < batch->n_questions; i++) {
            const trb_question *question = TRB_QUESTION(batch, i);
            for (size_t k = 0; k < question->n_candidates; k++) {
                const trb_str text = question->candidates[k];
                std::istringstream words(std::string(text.ptr, text.len));
                double count = 0;
                for (std::string word; words >> word;)
                    count += 1;
                wordiness->host->part(job, i, 0, k, TRB_STR("words"), count);
                *out++ = wordiness->per_word * count;
            }
        }
        return TRB_OK;
    });
}

trb_source source()
{
    trb_source table{};
    table.size = sizeof(trb_source);
    table.name = TRB_STR("cpp.wordiness");
    table.version = TRB_STR("1");
    table.summary = TRB_STR("Prefers replies of few words.");
    table.no_self_check = 1;
    table.schema = TRB_STR(R"({"type":"object","additionalProperties":false,"properties":{"reward-per-word":
        {"type":"number","default":-1.0,"description":"Reward added for each word."}}})");
    table.create = create;
    table.destroy = destroy;
    table.identify = identify;
    table.score = score;
    return table;
}

const trb_source WORDINESS = source();
const trb_source *const SOURCES[] = {&WORDINESS};
const trb_plugin PLUGIN = {sizeof(trb_plugin), 0, TRB_LIT("wordiness"), TRB_LIT("1"), SOURCES, 1, nullptr, 0, nullptr, 0};

} // namespace

TRB_PLUGIN(PLUGIN);
