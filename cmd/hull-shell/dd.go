package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ddJob is what the operands of dd say. Sizes are in bytes, counts in blocks.
type ddJob struct {
	in, out           string
	block             int64
	count, skip, seek int64
	notrunc, sync     bool
	direct            bool
	quiet             bool
}

const maxBlock = 256 << 20

func dd(c *call) int {
	job, err := parseDD(c.args)
	if err != nil {
		return c.fail(err)
	}
	var full, part, total int64
	if full, part, total, err = job.copy(c); !job.quiet {
		fmt.Fprintf(c.err, "%d+%d blocks, %d bytes copied\n", full, part, total)
	}
	if err != nil {
		return c.fail(plain(err))
	}
	return 0
}

func parseDD(args []string) (*ddJob, error) {
	job := &ddJob{block: 512, count: math.MaxInt64}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, fmt.Errorf("%q is no operand: if=, of=, bs=, count=, skip=, seek=, conv=, oflag=, status=", arg)
		}
		var err error
		switch name {
		case "if":
			job.in = value
		case "of":
			job.out = value
		case "bs":
			job.block, err = parseSize(value)
			if err == nil && (job.block < 1 || job.block > maxBlock) {
				err = fmt.Errorf("must be 1 to %d", maxBlock)
			}
		case "count":
			job.count, err = parseSize(value)
		case "skip":
			job.skip, err = parseSize(value)
		case "seek":
			job.seek, err = parseSize(value)
		case "conv", "oflag", "iflag":
			err = job.option(value)
		case "status":
			job.quiet = value == "none"
		default:
			err = errors.New("unknown operand")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", arg, err)
		}
	}
	if job.skip > math.MaxInt64/job.block || job.seek > math.MaxInt64/job.block {
		return nil, errors.New("skip or seek too large")
	}
	return job, nil
}

func (job *ddJob) option(value string) error {
	for word := range strings.SplitSeq(value, ",") {
		switch word {
		case "notrunc":
			job.notrunc = true
		case "fsync", "sync", "fdatasync":
			job.sync = true
		case "direct":
			job.direct = true
		case "fullblock", "":
		default:
			return fmt.Errorf("%q unknown", word)
		}
	}
	return nil
}

// parseSize reads a number with k, M or G behind it.
func parseSize(s string) (int64, error) {
	shift := 0
	switch {
	case strings.HasSuffix(s, "k"), strings.HasSuffix(s, "K"):
		shift = 10
	case strings.HasSuffix(s, "M"):
		shift = 20
	case strings.HasSuffix(s, "G"):
		shift = 30
	}
	if shift > 0 {
		s = s[:len(s)-1]
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>shift {
		return 0, errors.New("not a size")
	}
	return n << shift, nil
}

func (job *ddJob) copy(c *call) (full, part, total int64, err error) {
	in, out := c.in, c.out
	if job.in != "" {
		file, err := os.Open(job.in)
		if err != nil {
			return 0, 0, 0, err
		}
		defer file.Close()
		in = file
	}
	if job.skip > 0 {
		if err := skipBytes(in, job.skip*job.block); err != nil {
			return 0, 0, 0, err
		}
	}
	if job.out != "" {
		file, err := job.create()
		if err != nil {
			return 0, 0, 0, err
		}
		defer file.Close()
		out = file
	}
	buf := make([]byte, job.block)
	for n := int64(0); n < job.count; n++ {
		got, err := io.ReadFull(in, buf)
		if got == 0 && errors.Is(err, io.EOF) {
			break
		}
		if _, werr := out.Write(buf[:got]); werr != nil {
			return full, part, total, werr
		}
		total += int64(got)
		if got == len(buf) {
			full++
		} else {
			part++
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return full, part, total, err
		}
	}
	if file, ok := out.(*os.File); ok && job.sync {
		if err := file.Sync(); err != nil {
			return full, part, total, err
		}
	}
	return full, part, total, nil
}

func (job *ddJob) create() (*os.File, error) {
	mode := os.O_WRONLY | os.O_CREATE
	if !job.notrunc && job.seek == 0 {
		mode |= os.O_TRUNC
	}
	if job.direct {
		mode |= unix.O_DIRECT
	}
	file, err := os.OpenFile(job.out, mode, 0o666)
	if err != nil || job.seek == 0 {
		return file, err
	}
	at := job.seek * job.block
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() && !job.notrunc {
		if err := file.Truncate(at); err != nil {
			file.Close()
			return nil, err
		}
	}
	if _, err := file.Seek(at, io.SeekStart); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// skipBytes seeks where it can, and reads where not.
func skipBytes(r io.Reader, n int64) error {
	if s, ok := r.(io.Seeker); ok {
		if _, err := s.Seek(n, io.SeekCurrent); err == nil {
			return nil
		}
	}
	_, err := io.CopyN(io.Discard, r, n)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
