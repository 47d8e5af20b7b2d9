#include "Module/SharedLayout.h"

#include "absl/strings/str_format.h"

#include <algorithm>

namespace qvlsim {
namespace {

/// Functions that a kernel can reach; an indirect call may reach every function.
std::vector<bool> reachable(const detail::Program &program, const Function &kernel) {
  std::vector<bool> seen(program.functions.size(), false);
  std::vector<std::uint32_t> todo{kernel.index};
  seen[kernel.index] = true;
  auto visit = [&](std::uint32_t f) {
    if (!seen[f]) {
      seen[f] = true;
      todo.push_back(f);
    }
  };
  while (!todo.empty()) {
    const Function &function = *program.functions[todo.back()];
    todo.pop_back();
    for (std::uint32_t callee : function.callees)
      visit(callee);
    if (function.callsIndirectly)
      for (const auto &other : program.functions)
        if (!other->entry)
          visit(other->index);
  }
  return seen;
}

} // namespace

absl::Status layOutShared(detail::Program &program) {
  for (const auto &kernel : program.functions) {
    if (!kernel->entry || !kernel->defined)
      continue;
    KernelInfo &info = program.kernels[static_cast<std::size_t>(kernel->kernel)];
    std::vector<bool> used(program.shared.size(), false);
    std::vector<bool> functions = reachable(program, *kernel);
    for (std::size_t f = 0; f < functions.size(); ++f)
      if (functions[f])
        for (std::uint32_t variable : program.functions[f]->sharedUses)
          used[variable] = true;
    std::uint64_t bytes = 0;
    kernel->sharedOffsets.assign(program.shared.size(), 0);
    auto place = [&](std::size_t v) {
      const SharedVariable &variable = program.shared[v];
      std::uint64_t offset = (bytes + variable.align - 1) / variable.align * variable.align;
      kernel->sharedOffsets[v] = static_cast<std::uint32_t>(offset);
      info.sharedAlign = std::max(info.sharedAlign, variable.align);
      return offset;
    };
    for (std::size_t v = 0; v < used.size(); ++v)
      if (used[v] && !program.shared[v].dynamic)
        bytes = place(v) + program.shared[v].size;
    info.staticSharedBytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, 0xFFFFFFFF));
    if (bytes > kMaxSharedBytes)
      return absl::ResourceExhaustedError(absl::StrFormat(
          "%s: kernel '%s' has %d bytes of static shared memory; a block can have %d",
          program.fileName, info.name, bytes, kMaxSharedBytes));
    // All dynamic variables start at the same place, behind the static ones.
    std::uint64_t start = bytes;
    for (std::size_t v = 0; v < used.size(); ++v)
      if (used[v] && program.shared[v].dynamic)
        start = std::max(start, place(v));
    for (std::size_t v = 0; v < used.size(); ++v)
      if (used[v] && program.shared[v].dynamic)
        kernel->sharedOffsets[v] = static_cast<std::uint32_t>(start);
    kernel->dynamicSharedStart = static_cast<std::uint32_t>(start);
  }
  return absl::OkStatus();
}

} // namespace qvlsim
