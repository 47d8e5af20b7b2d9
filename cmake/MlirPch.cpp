// Anchor of the precompiled header (cmake/MlirPch.h).
