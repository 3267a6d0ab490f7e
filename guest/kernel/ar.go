package kernel

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The ar format of a Debian package, deb(5): a magic line, then members of a
// 60-byte header in ASCII and the content, padded to an even length.
const (
	arMagic      = "!<arch>\n"
	arHeaderSize = 60
)

// arReader goes through the members of an ar archive.
type arReader struct {
	r    *bufio.Reader
	left int64 // bytes of the current member not read yet
	pad  int64 // 1 where a padding byte follows it
}

func newArReader(r io.Reader) (*arReader, error) {
	a := &arReader{r: bufio.NewReaderSize(r, 1<<16)}
	magic := make([]byte, len(arMagic))
	if _, err := io.ReadFull(a.r, magic); err != nil || string(magic) != arMagic {
		return nil, errors.New("not a Debian package")
	}
	return a, nil
}

// next skips to the next member and returns its name; io.EOF at the end.
func (a *arReader) next() (string, error) {
	if _, err := io.CopyN(io.Discard, a.r, a.left); err != nil {
		return "", fmt.Errorf("archive ends within a member: %w", noEOF(err))
	}
	a.left = 0
	if a.pad > 0 {
		// The last member's padding byte may be missing.
		if _, err := a.r.Discard(1); err != nil && err != io.EOF {
			return "", err
		}
		a.pad = 0
	}
	header := make([]byte, arHeaderSize)
	if _, err := io.ReadFull(a.r, header); err == io.EOF {
		return "", io.EOF
	} else if err != nil {
		return "", fmt.Errorf("archive ends within a header: %w", noEOF(err))
	}
	if header[58] != '`' || header[59] != '\n' {
		return "", errors.New("archive has a damaged header")
	}
	size, err := strconv.ParseInt(strings.TrimRight(string(header[48:58]), " "), 10, 64)
	if err != nil || size < 0 {
		return "", fmt.Errorf("archive has a member of %q bytes", header[48:58])
	}
	a.left, a.pad = size, size&1
	return strings.TrimSuffix(strings.TrimRight(string(header[:16]), " "), "/"), nil
}

// Read reads the current member.
func (a *arReader) Read(p []byte) (int, error) {
	if a.left == 0 {
		return 0, io.EOF
	}
	n, err := a.r.Read(p[:min(int64(len(p)), a.left)])
	a.left -= int64(n)
	return n, noEOF(err)
}

// noEOF names an end that came too early.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
