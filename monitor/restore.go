package monitor

import (
	"errors"
	"fmt"
	"os"

	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/peripherals/handover"
	"github.com/hullvm/hull/snapshot/memfile"
	"github.com/hullvm/hull/vmm"
	"github.com/hullvm/hull/vmstate"
)

// saved is what the machine is to begin as, nil for one that boots.
func (b *built) saved(files *handover.Files) (*vmm.Saved, error) {
	state := files.TakeOne(handover.State, "")
	memory, maps := files.Take(handover.Memory, ""), files.Take(handover.Map, "")
	for _, m := range maps {
		defer m.Close() // only read
	}
	switch {
	case state == nil && len(memory) == 0:
		return nil, nil
	case state == nil:
		return nil, errors.Join(errors.New("a descriptor for memory was handed over, and none for the state that goes with it"), closeAll(memory))
	}
	defer state.Close()
	if len(memory) == 0 {
		return nil, errors.New("a descriptor for a state was handed over, and none for the memory that goes with it")
	}
	b.images = memory
	if len(maps) != len(memory)-1 {
		return nil, fmt.Errorf("%d files of memory and %d maps of pages: want a map for each file but the first", len(memory), len(maps))
	}
	s, err := vmstate.Read(state)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", state.Name(), err)
	}
	if len(memory) == 1 {
		b.base = memory[0]
	}
	layers, err := layersOf(memory[1:], maps, int64(b.description.Memory.Size))
	return &vmm.Saved{State: s, Memory: memory[0], Layers: layers}, err
}

// layersOf are the files that lie over the first, each with those of its pages that
// no later one has.
func layersOf(files, maps []*os.File, size int64) ([]mem.Layer, error) {
	layers := make([]mem.Layer, len(files))
	if len(files) == 0 {
		return nil, nil
	}
	above, err := memfile.NewPageSet(size)
	if err != nil {
		return nil, err
	}
	for i := len(files) - 1; i >= 0; i-- {
		pages, err := memfile.ReadPageSet(maps[i], size)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", maps[i].Name(), err)
		}
		own, err := memfile.NewPageSet(size)
		if err == nil {
			err = errors.Join(own.AddAll(pages), own.RemoveAll(above), above.AddAll(pages))
		}
		if err != nil {
			return nil, err
		}
		layers[i].File = files[i]
		for e := range own.Extents() {
			layers[i].Parts = append(layers[i].Parts, mem.Part(e))
		}
	}
	return layers, nil
}

func closeAll(files []*os.File) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
