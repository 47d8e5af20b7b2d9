// Programs for the race checks: each with something that keeps it correct, and without it.
#pragma once

#include "Simulation.h"

#include <string>
#include <string_view>

namespace qvlsim::test {

/// A kernel of four 64-bit parameters: device buffers of 4096 words that hold 0, 1, 2, ... (%w90,
/// %w91, %w92) or zeros (%w93). `body` marks what a rule needs with << and >>: it is run with the
/// marked text, where nothing may be reported, and without it. Shared memory: `tile` (16 KiB,
/// aligned to 1024 bytes, its first 16 bytes a thread zero) and `bars` (8 mbarriers). %r90 =
/// %tid.x, %r91 = its lane, %r92 = its warp, %r93 = 4 * %tid.x, %r95 = %ctaid.x, %w80 = %w90 + 4 *
/// %tid.x, %w81 = the same of %w93; %p19 is true in thread 0, %p18 in lane 0 of each warp.
struct RaceProgram {
  std::string body;
  Dim3 grid{1}, block{64};
  Dim3 cluster{1};
};

/// The first fault of the program with (or without) the marked text in both asynchronous modes and
/// with several orders of warps; "" when none of the runs has one. Clean runs are those of all.
std::string raceOf(const RaceProgram &program, bool marked);

/// Expects nothing with the marked text, and a fault that starts with `kind` without it in each
/// run; `kind` "" stands for any.
void expectRule(const RaceProgram &program, std::string_view kind);

/// The same for data that asynchronous operations write: late ones leave unwritten bytes behind,
/// which may be what is found first.
void expectAsyncRule(const RaceProgram &program, std::string_view kind);

/// Expects nothing.
void expectClean(const RaceProgram &program);

} // namespace qvlsim::test
