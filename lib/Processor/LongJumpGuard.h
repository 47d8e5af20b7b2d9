// Calling C libraries that report errors by longjmp.
#pragma once

#include <csetjmp>

namespace qvlrt {

/// Runs `body`; false when it left by a longjmp to `jump`. What the body changes must be owned by
/// the caller's frame and reached by reference: this frame is never inlined, so the compiler cannot
/// keep such state in registers that the jump loses, and no destructor is skipped as long as the
/// body itself owns nothing.
template <typename Body> [[gnu::noinline]] bool runGuarded(std::jmp_buf &jump, Body &&body) {
  if (setjmp(jump))
    return false;
  body();
  return true;
}

} // namespace qvlrt
