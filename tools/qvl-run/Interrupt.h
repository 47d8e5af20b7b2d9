// Ctrl-C as a question that the generation loop asks.
#pragma once

namespace qvlrun {

/// From now on the first SIGINT is only noted; a second one before resetInterrupt() ends the
/// process at once with exit code 130. Files are written whole or not at all, so nothing
/// half-written stays.
void catchInterrupts();

bool interrupted();
void resetInterrupt();

} // namespace qvlrun
