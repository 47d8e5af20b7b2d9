// A program as people and as scripts read it.
#pragma once

#include "qvlfmt/artifact_generated.h"

#include <nlohmann/json.hpp>

#include <string>

namespace qvlinspect {

/// Number of the commands of each kind.
struct CommandCounts {
  std::uint32_t launches = 0, fills = 0, copies = 0;
  std::uint32_t total() const { return launches + fills + copies; }
};
CommandCounts countCommands(const qvlfmt::Program &program);

/// Arguments, sizes, results and one line a command:
///   launch linear_384x128 grid(ceildiv(P,64)*3) in(%9, blocks.0.attn.qkv.weight)
///   out(%12 f32[P,384]) scalars(P,P)   # blocks.0.attn.qkv
/// `%N` is transient buffer N; outputs carry their type.
std::string listProgram(const qvlfmt::Artifact &artifact, const qvlfmt::Target &target,
                        const qvlfmt::Program &program);

/// "pixels f32[P,1176], positions i32[2,P]": the arguments, or the results, of a program.
std::string argumentList(const qvlfmt::Program &program);
std::string resultList(const qvlfmt::Program &program);

/// The same as an object, with the transient buffers and their lives.
nlohmann::ordered_json describeProgram(const qvlfmt::Artifact &artifact,
                                       const qvlfmt::Target &target,
                                       const qvlfmt::Program &program);

} // namespace qvlinspect
