// Drawing tokens from rows of logits.
#pragma once

#include <functional>
#include <vector>

#include "numbers.h"

namespace {

struct Candidate {
    float logit;
    int64_t token;
};

// How a row is drawn from; temperature 0 is greedy, and 0, 1 and 0 turn the other rules off.
struct Rules {
    float temperature;
    int64_t top_k;
    float top_p, min_p;
};

constexpr int64_t BLOCK = 256;  // tokens whose weights are summed before the sums are
constexpr float NUCLEUS_STEP = 4.0f;

inline double weight_of(float logit, float highest) { return exp_of(logit - highest); }

// The tokens whose logits are at least `lowest`, given the maxima of blocks.
inline void collect(std::vector<Candidate> &found, const std::vector<float> &logits, const std::vector<float> &maxima,
                    float lowest) {
    found.clear();
    for (int64_t block = 0; block < int64_t(maxima.size()); block++) {
        if (maxima[block] < lowest) continue;
        int64_t stop = std::min<int64_t>(logits.size(), (block + 1) * BLOCK);
        for (int64_t token = block * BLOCK; token < stop; token++)
            if (logits[token] >= lowest) found.push_back({logits[token], token});
    }
}

inline bool likelier(const Candidate &one, const Candidate &other) {
    return one.logit != other.logit ? one.logit > other.logit : one.token < other.token;
}

// The `count` likeliest tokens and those as likely as the last of them. As many blocks hold a token at least as likely
// as the maximum of the block that comes so far in the order of maxima; all others need not be looked at.
inline void keep_likeliest(std::vector<Candidate> &found, const std::vector<float> &logits,
                           const std::vector<float> &maxima, int64_t count) {
    float lowest = -INFINITY;
    if (count <= int64_t(maxima.size())) {
        std::vector<float> ordered = maxima;
        std::nth_element(ordered.begin(), ordered.begin() + count - 1, ordered.end(), std::greater<float>());
        lowest = ordered[count - 1];
    }
    collect(found, logits, maxima, lowest);
    if (count >= int64_t(found.size())) return;
    std::nth_element(found.begin(), found.begin() + count - 1, found.end(), likelier);
    float least = found[count - 1].logit;
    found.erase(std::remove_if(found.begin(), found.end(), [&](const Candidate &c) { return c.logit < least; }),
                found.end());
}

inline double mass_of(const std::vector<Candidate> &found, float highest) {
    double mass = 0;
    for (const Candidate &candidate : found) mass += weight_of(candidate.logit, highest);
    return mass;
}

// The fewest likeliest tokens that hold a share of a mass.
inline void keep_nucleus(std::vector<Candidate> &found, float highest, double mass, float share) {
    std::sort(found.begin(), found.end(), likelier);
    double before = 0;
    size_t kept = 0;
    while (kept < found.size() && (kept == 0 || before < share * mass))
        before += weight_of(found[kept++].logit, highest);
    found.resize(kept);
}

// Inverse transform sampling in the order of tokens: the first whose cumulative weight exceeds uniform * total.
inline Candidate draw_from(std::vector<Candidate> &found, float highest, double uniform, double &total) {
    std::sort(found.begin(), found.end(), [](const Candidate &a, const Candidate &b) { return a.token < b.token; });
    total = mass_of(found, highest);
    double target = uniform * total, cumulative = 0;
    Candidate drawn = found.front();
    for (const Candidate &candidate : found) {
        double weight = weight_of(candidate.logit, highest);
        if (weight == 0) continue;
        drawn = candidate;
        cumulative += weight;
        if (cumulative > target) break;
    }
    return drawn;
}

// Sums of the weights of all tokens at least as likely as `lowest`, by blocks; returns their total.
inline double sum_blocks(std::vector<float> &sums, const std::vector<float> &logits, float highest, float lowest) {
    int64_t size = logits.size();
    sums.assign((size + BLOCK - 1) / BLOCK, 0.0f);
    double total = 0;
    for (int64_t block = 0; block < int64_t(sums.size()); block++) {
        float sum = 0;
        int64_t stop = std::min(size, (block + 1) * BLOCK);
#pragma omp simd reduction(+ : sum)
        for (int64_t t = block * BLOCK; t < stop; t++) {
            float weight = exp_of(logits[t] - highest);
            sum += logits[t] < lowest ? 0.0f : weight;
        }
        sums[block] = sum;
        total += sum;
    }
    return total;
}

// Inverse transform sampling among these tokens: of a block, then in it.
inline Candidate draw_from_blocks(const std::vector<float> &sums, const std::vector<float> &logits, float highest,
                                  float lowest, double target) {
    double cumulative = 0, next = 0;
    int64_t size = logits.size();
    int64_t chosen = 0;
    for (int64_t block = 0; block < int64_t(sums.size()) && next <= target; block++) {
        if (sums[block] == 0) continue;
        chosen = block, cumulative = next;
        next += sums[block];
    }
    Candidate drawn{highest, chosen * BLOCK};
    for (int64_t t = chosen * BLOCK; t < std::min(size, (chosen + 1) * BLOCK); t++) {
        double weight = logits[t] < lowest ? 0.0 : weight_of(logits[t], highest);
        if (weight == 0) continue;
        drawn = {logits[t], t};
        cumulative += weight;
        if (cumulative > target) break;
    }
    return drawn;
}

struct DrawingRoom {
    std::vector<float> logits, maxima, sums;
    std::vector<Candidate> found;
};

template <typename T>
Candidate draw_row(const T *row, int64_t size, double uniform, Rules rules, double &total, float &highest,
                   DrawingRoom &room) {
    std::vector<float> &logits = room.logits;
    logits.resize(size);
    room.maxima.assign((size + BLOCK - 1) / BLOCK, -INFINITY);
    bool greedy = rules.temperature == 0, as_is = greedy || rules.temperature == 1.0f;
    int32_t broken = 0;
    for (int64_t block = 0; block < int64_t(room.maxima.size()); block++) {
        float most = -INFINITY;
        int64_t stop = std::min(size, (block + 1) * BLOCK);
#pragma omp simd reduction(max : most) reduction(| : broken)
        for (int64_t t = block * BLOCK; t < stop; t++) {
            float logit = widen(row[t]);
            broken |= logit != logit;
            logits[t] = logit;
            most = std::max(most, logit);
        }
        if (!as_is) {
            for (int64_t t = block * BLOCK; t < stop; t++) logits[t] /= rules.temperature;
            most /= rules.temperature;
        }
        room.maxima[block] = most;
    }
    highest = *std::max_element(room.maxima.begin(), room.maxima.end());
    total = 1;
    if (broken || std::isinf(highest)) return {NAN, 0};  // the log-probability tells of it
    float lowest = rules.min_p > 0 ? highest + std::log(rules.min_p) : -INFINITY;
    bool top_k = rules.top_k > 0 && rules.top_k < size, top_p = rules.top_p < 1.0f;
    if (!greedy && !top_k && !top_p) {
        total = sum_blocks(room.sums, logits, highest, lowest);
        return draw_from_blocks(room.sums, logits, highest, lowest, uniform * total);
    }
    if (greedy || !top_k) total = sum_blocks(room.sums, logits, highest, -INFINITY);
    if (greedy) {
        auto block = std::max_element(room.maxima.begin(), room.maxima.end()) - room.maxima.begin();
        return {highest, std::find(logits.begin() + block * BLOCK, logits.end(), highest) - logits.begin()};
    }
    if (top_k) {
        keep_likeliest(room.found, logits, room.maxima, rules.top_k);
        if (top_p) keep_nucleus(room.found, highest, mass_of(room.found, highest), rules.top_p);
    } else {
        for (float depth = NUCLEUS_STEP;; depth += NUCLEUS_STEP) {  // few tokens nearly always hold the share
            bool all = depth > 80.0f;
            collect(room.found, logits, room.maxima, all ? -INFINITY : highest - depth);
            if (all || mass_of(room.found, highest) >= rules.top_p * total) break;
        }
        keep_nucleus(room.found, highest, total, rules.top_p);
    }
    room.found.erase(std::remove_if(room.found.begin(), room.found.end(),
                                    [&](const Candidate &candidate) { return candidate.logit < lowest; }),
                     room.found.end());
    return draw_from(room.found, highest, uniform, total);
}

// One token a row, and its log-probability in the distribution it is drawn from.
template <typename T>
void draw(int64_t *tokens, float *logprobs, const T *logits, int64_t stride, int64_t rows, int64_t size,
          const double *uniforms, Rules rules) {
#pragma omp parallel if (rows > 1)
    {
        DrawingRoom room;
#pragma omp for schedule(dynamic)
        for (int64_t row = 0; row < rows; row++) {
            double total;
            float highest;
            Candidate drawn = draw_row(logits + row * stride, size, uniforms[row], rules, total, highest, room);
            tokens[row] = drawn.token;
            logprobs[row] = float(double(drawn.logit) - highest - std::log(total));
        }
    }
}

}  // namespace
