// What --count prints.
#pragma once

#include "qvlsim/Launch.h"

#include <string>

namespace qvlptxsim {

/// The counts as lines of text for people.
std::string countText(const qvlsim::Counts &counts);

/// The same as one JSON object: "warp_instructions", "thread_instructions", "classes" (a number for
/// each name), "shared" and "global" (requests, and what they cost), "matrix_flops".
std::string countJson(const qvlsim::Counts &counts);

} // namespace qvlptxsim
