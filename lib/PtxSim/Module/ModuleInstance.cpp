#include "Memory/AddressSpaces.h"
#include "Module/Program.h"
#include "absl/strings/str_format.h"
#include "qvlsim/Module.h"

#include <cstring>

namespace qvlsim {

absl::StatusOr<std::unique_ptr<ModuleInstance>>
ModuleInstance::create(std::shared_ptr<const Module> module, DeviceMemory &memory) {
  std::unique_ptr<ModuleInstance> instance(new ModuleInstance(std::move(module), memory));
  if (absl::Status status = instance->allocate(); !status.ok())
    return status;
  if (absl::Status status = instance->initialise(); !status.ok())
    return status;
  return instance;
}

ModuleInstance::~ModuleInstance() {
  for (std::uint64_t address : addresses_)
    memory_.free(address).IgnoreError();
}

absl::StatusOr<std::uint64_t> ModuleInstance::address(std::string_view name) const {
  std::span<const GlobalInfo> globals = module_->globals();
  for (std::size_t i = 0; i < globals.size(); ++i)
    if (globals[i].name == name)
      return addresses_[i];
  return absl::NotFoundError(absl::StrFormat("%s has no variable '%s'", module_->fileName(), name));
}

absl::Status ModuleInstance::allocate() {
  for (const GlobalInfo &global : module_->globals()) {
    if (global.external)
      return absl::FailedPreconditionError(
          absl::StrFormat("%s: variable '%s' is declared .extern and nothing defines it",
                          module_->fileName(), global.name));
    auto address = memory_.allocate(global.size, global.align, global.constant);
    if (!address.ok())
      return address.status();
    addresses_.push_back(*address);
  }
  return absl::OkStatus();
}

// Variables without an initial value are zero (PTX ISA 9.0, section 5.4.4).
absl::Status ModuleInstance::initialise() {
  const detail::Program &program = module_->program();
  for (std::size_t g = 0; g < program.globals.size(); ++g) {
    std::vector<std::byte> bytes = program.globalValues[g].bytes;
    for (const Initialiser &initialiser : program.globalValues[g].addresses) {
      std::uint64_t value = initialiser.kind == Initialiser::Kind::Function
                                ? kCodeWindow + 16 * std::uint64_t{initialiser.index}
                                : addresses_[initialiser.index];
      value += static_cast<std::uint64_t>(initialiser.addend);
      std::memcpy(bytes.data() + initialiser.offset, &value, initialiser.bytes);
    }
    if (absl::Status status = memory_.fill(addresses_[g], std::byte{0}, program.globals[g].size);
        !status.ok())
      return status;
    if (absl::Status status = memory_.write(addresses_[g], bytes); !status.ok())
      return status;
  }
  return absl::OkStatus();
}

} // namespace qvlsim
