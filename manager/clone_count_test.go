package manager

import (
	"testing"

	"github.com/hullvm/hull/manager/instance"
)

func TestCountsOfClones(t *testing.T) {
	for count, want := range map[int]string{
		1: "", MaxClones: "",
		0:             "count 0: it has to be from 1 to 1000",
		-1:            "count -1: it has to be from 1 to 1000",
		MaxClones + 1: "count 1001: it has to be from 1 to 1000",
	} {
		err := CloneOptions{Count: count}.CheckCount()
		if (err == nil) != (want == "") || err != nil && (err.Error() != want || instance.KindOf(err) != instance.KindInvalid) {
			t.Errorf("%d: %v, want %q", count, err, want)
		}
	}
}
