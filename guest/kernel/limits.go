package kernel

// Limits on what an import reads, several times what the largest distribution
// kernels of 2026 need.
const (
	maxImage       = 256 << 20 // bytes of a kernel image
	maxModule      = 128 << 20 // bytes of one module, decompressed
	maxModules     = 16384     // modules of one kernel
	maxSpool       = 4 << 30   // bytes of all modules of a package, as packed
	maxArchive     = 8 << 30   // bytes of a package's data, decompressed
	maxEntries     = 200000    // files of a package
	maxReleases    = 8         // kernels of a package
	maxControl     = 4 << 20   // bytes of a package's control archive, decompressed
	maxText        = 32 << 20  // bytes of modules.dep, modules.builtin and their like
	maxManifest    = 16 << 20  // bytes of bundle.json
	maxXZDict      = 64 << 20  // bytes of window that an xz stream may ask for
	maxZstdWindow  = 64 << 20  // bytes of window that a zstd stream may ask for
	maxModinfo     = 1 << 20   // bytes of a module's .modinfo section
	maxAliases     = 256       // names kept of a module beside its own
	maxNameLen     = 64        // bytes of a bundle's name
	maxSectionsELF = 4096      // sections of a module
)
