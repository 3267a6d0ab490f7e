package spawn

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// pipes are what the process and its starter have between them, ours and the
// process's ends.
type pipes struct {
	config, lifeline, exit    *os.File
	configR, lifelineR, exitW *os.File
}

func newPipes() (*pipes, error) {
	p := new(pipes)
	for _, ends := range []struct{ r, w **os.File }{
		{&p.configR, &p.config}, {&p.lifelineR, &p.lifeline}, {&p.exit, &p.exitW},
	} {
		var err error
		if *ends.r, *ends.w, err = os.Pipe(); err != nil {
			p.closeTheirs()
			return nil, errors.Join(err, p.closeOurs())
		}
	}
	return p, nil
}

// theirs are the process's descriptors from 3 on, as package startup has them.
func (p *pipes) theirs(control *os.File) []*os.File {
	return []*os.File{p.configR, p.lifelineR, p.exitW, control}
}

// closeTheirs leaves the process as the only one that has its ends.
func (p *pipes) closeTheirs() {
	for _, f := range []*os.File{p.configR, p.lifelineR, p.exitW} {
		if f != nil {
			_ = f.Close() // nothing was written
		}
	}
}

func (p *pipes) closeOurs() error {
	var errs []error
	for _, f := range []*os.File{p.config, p.lifeline, p.exit} {
		if f == nil {
			continue
		}
		if err := f.Close(); !errors.Is(err, fs.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// send hands the configuration over.
func (p *pipes) send(ctx context.Context, config []byte) error {
	if err := p.config.SetWriteDeadline(time.Now().Add(readTime)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = p.config.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err := p.config.Write(config)
	if err == nil {
		err = ctx.Err()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("the process has not read its configuration after %v", readTime)
	}
	return errors.Join(err, p.config.Close())
}
