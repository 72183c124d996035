// Number types, rounding, and the exponential function.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

struct bf16 {
    uint16_t bits;
};

inline float widen(float x) { return x; }
inline float widen(bf16 x) {
    uint32_t bits = uint32_t(x.bits) << 16;
    float wide;
    std::memcpy(&wide, &bits, 4);
    return wide;
}

template <typename T> T narrow(float x);
template <> inline float narrow<float>(float x) { return x; }
template <> inline bf16 narrow<bf16>(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    uint32_t even = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;  // to nearest, ties to even
    return bf16{uint16_t((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : even)};
}

template <typename T> inline float rounded(float x) { return widen(narrow<T>(x)); }

// e^x for x <= 0 to about 1e-7, relative: Cody and Waite's reduction and a polynomial. Unlike the library's it becomes
// vector instructions everywhere, as long as it is inlined.
[[gnu::always_inline]] inline float exp_of(float exponent) {
    constexpr float LEAST = -87.0f;  // what is smaller still counts as 0
    float x = std::max(exponent, LEAST);
    float n = __builtin_nearbyintf(x * 1.44269504f);
    float r = __builtin_fmaf(n, -0.693359375f, x);
    r = __builtin_fmaf(n, 2.12194440e-4f, r);
    float p = 1.9875691500e-4f;
    p = __builtin_fmaf(p, r, 1.3981999507e-3f);
    p = __builtin_fmaf(p, r, 8.3334519073e-3f);
    p = __builtin_fmaf(p, r, 4.1665795894e-2f);
    p = __builtin_fmaf(p, r, 1.6666665459e-1f);
    p = __builtin_fmaf(p, r, 5.0000001201e-1f);
    p = __builtin_fmaf(p, r * r, r + 1.0f);
    int32_t power = (int32_t(n) + 127) << 23;
    float scale;
    std::memcpy(&scale, &power, 4);
    return exponent < LEAST ? 0.0f : p * scale;
}

constexpr int64_t LINE = 64;  // bytes that come from memory together
constexpr int64_t WORTH_THREADS = 16384;  // elements below which starting threads takes longer than they save

}  // namespace
