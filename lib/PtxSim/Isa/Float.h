// Decode functions that the floating families share.
#pragma once

#include "Isa/Rounding.h"
#include "Module/Decode.h"

namespace qvlsim {

/// f16, f16x2, bf16 and bf16x2 forms (Isa/HalfFloat.cpp).
absl::Status decodeHalfArithmetic(Decoder &d);
absl::Status decodeHalfMinMax(Decoder &d);
absl::Status decodeHalfUnary(Decoder &d);
/// .approx and .full forms (Isa/Approximate.cpp).
absl::Status decodeApproximate(Decoder &d);

} // namespace qvlsim
