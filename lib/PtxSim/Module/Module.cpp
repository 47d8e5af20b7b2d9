#include "qvlsim/Module.h"

#include "Module/Program.h"
#include "Parse/ModuleParser.h"

namespace qvlsim {

absl::StatusOr<std::shared_ptr<const Module>> Module::parse(std::string_view text,
                                                            std::string_view fileName) {
  auto program = parseModule(text, fileName);
  if (!program.ok())
    return program.status();
  return std::make_shared<const Module>(*std::move(program));
}

Module::Module(std::unique_ptr<const detail::Program> program) : program_(std::move(program)) {}
Module::~Module() = default;

std::string_view Module::fileName() const { return program_->fileName; }
std::string_view Module::target() const { return program_->target; }
std::span<const KernelInfo> Module::kernels() const { return program_->kernels; }
std::span<const GlobalInfo> Module::globals() const { return program_->globals; }

const KernelInfo *Module::find(std::string_view kernel) const {
  for (const KernelInfo &info : program_->kernels)
    if (info.name == kernel)
      return &info;
  return nullptr;
}

} // namespace qvlsim
