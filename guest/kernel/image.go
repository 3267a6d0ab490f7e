package kernel

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Fields of the real-mode header (Linux, Documentation/arch/x86/boot.rst).
const (
	hdrBootFlag    = 0x1fe // u16, 0xaa55
	hdrMagic       = 0x202 // "HdrS"
	hdrVersion     = 0x206 // u16, boot protocol
	hdrKernVersion = 0x20e // u16, offset of the version string less 0x200
	hdrXLoadFlags  = 0x236 // u16, from protocol 2.12
	hdrEnd         = 0x238

	bootFlag        = 0xaa55
	protocol212     = 0x020c
	xlfKernel64     = 1 << 0
	setupSectorSize = 0x200
)

// imageKind is the format of a kernel image.
type imageKind string

const (
	kindBzImage imageKind = "bzImage"
	kindELF     imageKind = "elf"
)

// identify says what a kernel image is and which release it carries. The
// release of an ELF image is empty where its banner is not found.
func identify(image []byte) (imageKind, string, error) {
	if bytes.HasPrefix(image, []byte(elf.ELFMAG)) {
		return kindELF, banner(image), checkELF(image)
	}
	if len(image) < hdrEnd {
		return "", "", fmt.Errorf("%d bytes are too short for a kernel", len(image))
	}
	le := binary.LittleEndian
	if le.Uint16(image[hdrBootFlag:]) != bootFlag || string(image[hdrMagic:hdrMagic+4]) != "HdrS" {
		return "", "", errors.New("neither a bzImage nor an ELF kernel")
	}
	if v := le.Uint16(image[hdrVersion:]); v < protocol212 {
		return "", "", fmt.Errorf("boot protocol %d.%02d is older than 2.12 (Linux 3.8)", v>>8, v&0xff)
	}
	if le.Uint16(image[hdrXLoadFlags:])&xlfKernel64 == 0 {
		return "", "", errors.New("the kernel has no 64-bit entry: it is a 32-bit kernel")
	}
	off := int(le.Uint16(image[hdrKernVersion:])) + setupSectorSize
	if off == setupSectorSize || off >= len(image) {
		return "", "", errors.New("the header has no version string")
	}
	text := image[off:min(off+256, len(image))]
	end := bytes.IndexByte(text, 0)
	if end < 0 {
		return "", "", errors.New("the header's version string has no end")
	}
	release, _, _ := strings.Cut(string(text[:end]), " ")
	if !validRelease(release) {
		return "", "", fmt.Errorf("the header's version %q is not a kernel release", release)
	}
	return kindBzImage, release, nil
}

// validRelease says whether r can be a kernel's release, uname -r, and so a
// part of a path.
func validRelease(r string) bool {
	if r == "" || len(r) > 64 || r[0] < '0' || r[0] > '9' {
		return false
	}
	return strings.IndexFunc(r, func(c rune) bool {
		return !alnum(c) && !strings.ContainsRune(".-_+~", c)
	}) < 0
}

// banner finds the release in the text that /proc/version begins with, which
// lies somewhere in a decompressed kernel.
func banner(image []byte) string {
	const lead = "Linux version "
	for {
		i := bytes.Index(image, []byte(lead))
		if i < 0 {
			return ""
		}
		image = image[i+len(lead):]
		release, _, ok := bytes.Cut(image[:min(len(image), 65)], []byte{' '})
		if ok && validRelease(string(release)) {
			return string(release)
		}
	}
}

func checkELF(image []byte) error {
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return err
	}
	if f.Class != elf.ELFCLASS64 || f.Machine != elf.EM_X86_64 {
		return fmt.Errorf("an ELF file for %v, %v, not for x86-64", f.Machine, f.Class)
	}
	if f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
		return fmt.Errorf("an ELF file of type %v, not a kernel", f.Type)
	}
	return nil
}
