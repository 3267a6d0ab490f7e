package control

import (
	"context"
	"os"
)

// withFiles is an operation that comes with n descriptors.
func withFiles[A, R any](n int, what string, call func(Handler, context.Context, []*os.File, A) (R, error)) operation {
	return func(ctx context.Context, h Handler, a arguments) (any, error) {
		args, err := decodeArgs[A](a.text)
		if err != nil {
			return nil, err
		}
		if len(a.files) != n {
			return nil, Errorf(BadRequest, "%d descriptors: want %d, of %s", len(a.files), n, what)
		}
		return call(h, ctx, a.files, args)
	}
}

// save is an operation whose descriptors depend on its arguments.
func save(ctx context.Context, h Handler, a arguments) (any, error) {
	o, err := decodeArgs[SaveOptions](a.text)
	if err != nil {
		return nil, err
	}
	var f SaveFiles
	wanted := f.wanted(o)
	if len(a.files) != len(wanted) {
		return nil, Errorf(BadRequest, "%d descriptors: want %d: of the state, of the memory and its checksums unless it is live, of the map of pages over another snapshot",
			len(a.files), len(wanted))
	}
	for i, to := range wanted {
		*to = a.files[i]
	}
	return h.Save(ctx, f, o)
}

// wanted are the files that come with a save, in order.
func (f *SaveFiles) wanted(o SaveOptions) []**os.File {
	list := []**os.File{&f.State}
	if !o.Live {
		list = append(list, &f.Memory, &f.Sums)
	}
	if o.Over != nil {
		list = append(list, &f.Map)
	}
	return list
}

// Precopy writes a machine's memory into an empty file while it runs, as often as
// that makes what is left less: Save with Live ends it, or ForgetSave.
func (c *Client) Precopy(ctx context.Context, memory *os.File, o PrecopyOptions) (Precopied, error) {
	return call[PrecopyOptions, Precopied](ctx, c, opPrecopy, o, memory)
}

// Save writes a paused machine down. The files stay the caller's. With Live those of
// the memory and its checksums are not used.
func (c *Client) Save(ctx context.Context, f SaveFiles, o SaveOptions) (Saved, error) {
	var files []*os.File
	for _, file := range f.wanted(o) {
		files = append(files, *file)
	}
	return call[SaveOptions, Saved](ctx, c, opSave, o, files...)
}

// SaveSums writes the checksums of the memory that Save with Live has written. The
// machine may run again.
func (c *Client) SaveSums(ctx context.Context, sums *os.File) (Summed, error) {
	return call[none, Summed](ctx, c, opSaveSums, none{}, sums)
}

// ForgetSave ends what Precopy has begun, without a result. It is no mistake where
// nothing was.
func (c *Client) ForgetSave(ctx context.Context) error { return c.do(ctx, opForgetSave, none{}) }
