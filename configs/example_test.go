package configs_test

import (
	"fmt"

	"github.com/hullvm/hull/configs"
)

func ExampleParse() {
	_, err := configs.Parse("web.toml", []byte(`
[cpu]
count = 0
[memory]
size = "2GB"
[boot]
kernal = "debian-cloud"
kernel = "debian-cloud"
[init]
exec = ["/bin/sh"]
`))
	fmt.Println(err)
	// Output:
	// web.toml: 3 mistakes:
	//   web.toml:3:9: cpu.count = 0: must be 1 to 255; raise it
	//   web.toml:5:8: memory.size = "2GB": must be a whole number with a unit, KiB, MiB, GiB or TiB; write it as "2GiB"
	//   web.toml:7:1: boot.kernal: there is no such key in [boot]; did you mean boot.kernel?
}

func ExampleRender() {
	m, err := configs.Parse("web.toml", []byte("boot.kernel = 'debian-cloud'\ninit.exec = ['/bin/sh']"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s", configs.Render(m))
	// Output:
	// name = "web"
	//
	// [cpu]
	// count = 1
	// model = "host"
	// threads_per_core = 1
	// cores_per_socket = 1
	//
	// [memory]
	// size = "512MiB"
	// backing = "anonymous"
	// hugepages = "off"
	// thp = false
	// overcommit = false
	//
	// [boot]
	// kernel = "debian-cloud"
	// protocol = "auto"
	// cmdline_default = true
	//
	// [init]
	// exec = ["/bin/sh"]
	// hostname = "web"
	//
	// [serial]
	// output = "terminal"
	//
	// [vsock]
	// cid = 3
	//
	// [console]
	// output = "none"
	//
	// [balloon]
	// enabled = false
	// size = "0K"
	// deflate_on_oom = true
	// free_page_reporting = true
	//
	// [log]
	// max_size = "10MiB"
	// max_files = 3
	//
	// [lifecycle]
	// stop_timeout = "30s"
	// on_reset = "end"
	// on_panic = "end"
	// restart = "no"
}
