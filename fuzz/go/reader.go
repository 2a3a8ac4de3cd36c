// Reads lines of the program `cases` and holds them against Go itself: what encoding/json makes of a body as it was sent and of
// its canonical form, and what net/http reads of a request as it came and as it is sent on. Exits with 1 when they differ.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"
)

// strslice.StrSlice of the Engine.
type words []string

func (e *words) UnmarshalJSON(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	p := make([]string, 0, 1)
	if err := json.Unmarshal(b, &p); err != nil {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		p = append(p, s)
	}
	*e = p
	return nil
}

type health struct {
	Test                           []string
	Interval, Timeout, StartPeriod int64
	Retries                        int
}

// Config is exported, since encoding/json sets no embedded pointer to a type that is not.
type Config struct {
	Hostname, Domainname, User              string
	AttachStdin, AttachStdout, AttachStderr bool
	ExposedPorts                            map[string]struct{}
	Tty, OpenStdin, StdinOnce               bool
	Env                                     []string
	Cmd                                     words
	Healthcheck                             *health
	ArgsEscaped                             bool
	Image                                   string
	Volumes                                 map[string]struct{}
	WorkingDir                              string
	Entrypoint                              words
	NetworkDisabled                         bool
	MacAddress                              string
	OnBuild                                 []string
	Labels                                  map[string]string
	StopSignal                              string
	StopTimeout                             *int
	Shell                                   words
}

type driver struct {
	Name    string
	Options map[string]string
}

type mount struct {
	Type, Source, Target string
	ReadOnly             bool
	Consistency          string
	BindOptions          *struct {
		Propagation  string
		NonRecursive bool
	}
	VolumeOptions *struct {
		NoCopy       bool
		Labels       map[string]string
		DriverConfig *driver
	}
	TmpfsOptions *struct {
		SizeBytes int64
		Mode      os.FileMode
	}
}

// Host is exported for the same reason.
type Host struct {
	Binds           []string
	ContainerIDFile string
	LogConfig       struct {
		Type   string
		Config map[string]string
	}
	NetworkMode  string
	PortBindings map[string][]struct {
		HostIP   string `json:"HostIp"`
		HostPort string
	}
	RestartPolicy struct {
		Name              string
		MaximumRetryCount int
	}
	AutoRemove                                  bool
	VolumeDriver                                string
	VolumesFrom                                 []string
	CapAdd, CapDrop                             words
	CgroupnsMode                                string
	DNS                                         []string `json:"Dns"`
	DNSOptions                                  []string `json:"DnsOptions"`
	DNSSearch                                   []string `json:"DnsSearch"`
	ExtraHosts, GroupAdd                        []string
	IpcMode, Cgroup                             string
	Links                                       []string
	OomScoreAdj                                 int
	PidMode                                     string
	Privileged, PublishAllPorts, ReadonlyRootfs bool
	SecurityOpt                                 []string
	StorageOpt                                  map[string]string
	Tmpfs                                       map[string]string
	UTSMode, UsernsMode                         string
	ShmSize                                     int64
	Sysctls                                     map[string]string
	Runtime                                     string
	ConsoleSize                                 [2]uint
	Isolation                                   string
	CPUShares                                   int64 `json:"CpuShares"`
	Memory                                      int64
	NanoCPUs                                    int64 `json:"NanoCpus"`
	CgroupParent                                string
	BlkioWeight                                 uint16
	BlkioWeightDevice                           []*struct {
		Path   string
		Weight uint16
	}
	BlkioDeviceReadBps []*struct {
		Path string
		Rate uint64
	}
	CpusetCpus, CpusetMems string
	Devices                []struct{ PathOnHost, PathInContainer, CgroupPermissions string }
	DeviceCgroupRules      []string
	DeviceRequests         []struct {
		Driver       string
		Count        int
		DeviceIDs    []string
		Capabilities [][]string
		Options      map[string]string
	}
	MemorySwap       int64
	MemorySwappiness *int64
	OomKillDisable   *bool
	PidsLimit        *int64
	Ulimits          []*struct {
		Name       string
		Hard, Soft int64
	}
	Mounts                     []mount
	MaskedPaths, ReadonlyPaths []string
	Init                       *bool
}

type endpoint struct {
	IPAMConfig *struct {
		IPv4Address, IPv6Address string
		LinkLocalIPs             []string
	}
	Links, Aliases []string
	NetworkID      string
	IPPrefixLen    int
	MacAddress     string
	DriverOpts     map[string]string
}

type networking struct {
	EndpointsConfig map[string]*endpoint
}

// ContainerConfigWrapper of the Engine up to 26.
type wrapper struct {
	*Config
	InnerHostConfig  *Host `json:"HostConfig,omitempty"`
	Cpuset           string
	NetworkingConfig *networking
	*Host
}

type creation struct {
	Config           Config
	HostConfig       Host
	NetworkingConfig *networking
}

func (w *wrapper) effective() creation {
	out := creation{NetworkingConfig: w.NetworkingConfig}
	if w.Config != nil {
		out.Config = *w.Config
	}
	hc := w.Host
	if inner := w.InnerHostConfig; inner != nil {
		if hc != nil {
			if hc.Memory != 0 && inner.Memory == 0 {
				inner.Memory = hc.Memory
			}
			if hc.MemorySwap != 0 && inner.MemorySwap == 0 {
				inner.MemorySwap = hc.MemorySwap
			}
			if hc.CPUShares != 0 && inner.CPUShares == 0 {
				inner.CPUShares = hc.CPUShares
			}
			if hc.CpusetCpus != "" && inner.CpusetCpus == "" {
				inner.CpusetCpus = hc.CpusetCpus
			}
			if hc.VolumeDriver != "" && inner.VolumeDriver == "" {
				inner.VolumeDriver = hc.VolumeDriver
			}
		}
		hc = inner
	}
	if hc == nil {
		// What the Engine goes on with.
		hc = &Host{}
	}
	if w.Cpuset != "" && hc.CpusetCpus == "" {
		hc.CpusetCpus = w.Cpuset
	}
	out.HostConfig = *hc
	return out
}

type exec struct {
	User                                    string
	Privileged, Tty                         bool
	AttachStdin, AttachStderr, AttachStdout bool
	Detach                                  bool
	DetachKeys                              string
	Env                                     []string
	WorkingDir                              string
	Cmd                                     []string
}

type volume struct {
	Driver             string
	DriverOpts, Labels map[string]string
	Name               string
}

// decode reads the first document, as the Engine's handlers do.
func decode(kind string, body []byte) (any, error) {
	read := json.NewDecoder(bytes.NewReader(body))
	switch kind {
	case "create":
		var w wrapper
		err := read.Decode(&w)
		return w.effective(), err
	case "exec":
		var e exec
		err := read.Decode(&e)
		return e, err
	default:
		var v volume
		err := read.Decode(&v)
		return v, err
	}
}

type line struct {
	Kind, Outcome, Described   string
	Body, Accepted, Head, Sent []byte
	Meaning                    json.RawMessage
}

func plain(raw []byte) (any, error) {
	read := json.NewDecoder(bytes.NewReader(raw))
	read.UseNumber()
	var out any
	err := read.Decode(&out)
	return out, err
}

func checkBody(l *line) error {
	meant, err := decode(l.Kind, l.Body)
	switch l.Outcome {
	case "twice":
		if l.Accepted != nil {
			return fmt.Errorf("accepted with a member twice")
		}
		return nil
	case "error":
		if err == nil {
			return fmt.Errorf("the model refuses what Go reads as %+v", meant)
		}
	default:
		if err != nil {
			return fmt.Errorf("the model reads what Go refuses: %v", err)
		}
		written, err := json.Marshal(meant)
		if err != nil {
			return err
		}
		ours, err := plain(l.Meaning)
		if err != nil {
			return err
		}
		theirs, err := plain(written)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(ours, theirs) {
			return fmt.Errorf("the model reads %s, Go %s", l.Meaning, written)
		}
	}
	if l.Accepted == nil || err != nil {
		return nil
	}
	executed, err := decode(l.Kind, l.Accepted)
	if err != nil {
		return fmt.Errorf("Go refuses the canonical form %s: %v", l.Accepted, err)
	}
	if !reflect.DeepEqual(meant, executed) {
		return fmt.Errorf("sent: %+v, executed: %+v", meant, executed)
	}
	return nil
}

func readRequest(raw []byte) (*http.Request, error) {
	return http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
}

func unversioned(path string) string {
	if len(path) > 2 && path[:2] == "/v" && path[2] >= '0' && path[2] <= '9' {
		if slash := strings.Index(path[1:], "/"); slash >= 0 {
			return path[1+slash:]
		}
	}
	return path
}

// withoutOwner takes away what a query says about whose an image is: that is for the guard to say.
func withoutOwner(name string, values []string) []string {
	const owner = "io.wharden.owner"
	var rest []string
	for _, value := range values {
		switch name {
		case "labels":
			var labels map[string]string
			if json.Unmarshal([]byte(value), &labels) == nil {
				if delete(labels, owner); len(labels) == 0 {
					continue
				}
				// A map of texts can always be written.
				written, _ := json.Marshal(labels)
				value = string(written)
			}
		case "changes":
			if strings.HasPrefix(value, "LABEL "+owner+"=") {
				continue
			}
		}
		rest = append(rest, value)
	}
	return rest
}

func checkRequest(l *line) error {
	sent, err := readRequest(append(append([]byte{}, l.Head...), l.Sent...))
	if err != nil {
		return fmt.Errorf("Go cannot read what is sent on: %v", err)
	}
	if l.Sent != nil && sent.ContentLength != int64(len(l.Sent)) {
		return fmt.Errorf("%d bytes of body, Go reads %d", len(l.Sent), sent.ContentLength)
	}
	came, err := readRequest(l.Body)
	if err != nil {
		// The engine would not have served it; it is served as what it was judged to be.
		return nil
	}
	if came.Method != sent.Method {
		return fmt.Errorf("method %s became %s", came.Method, sent.Method)
	}
	described := strings.SplitN(l.Described, " ", 2)[1]
	path, err := url.PathUnescape(described)
	if err != nil {
		return err
	}
	if !strings.HasSuffix(described, "…") && unversioned(came.URL.Path) != unversioned(path) {
		return fmt.Errorf("path %q was judged as %q", came.URL.Path, path)
	}
	if strings.Count(came.URL.Path, "/") > strings.Count(path, "/") {
		return fmt.Errorf("path %q became %q", came.URL.Path, sent.URL.Path)
	}
	before, err := url.ParseQuery(came.URL.RawQuery)
	if err != nil {
		return nil
	}
	after, err := url.ParseQuery(sent.URL.RawQuery)
	if err != nil {
		return fmt.Errorf("Go cannot read the query that is sent on: %v", err)
	}
	for name, values := range after {
		// A name there may have become an id.
		if name == "container" || name == "networkmode" {
			continue
		}
		if !reflect.DeepEqual(withoutOwner(name, before[name]), withoutOwner(name, values)) {
			return fmt.Errorf("query %s: %q became %q", name, before[name], values)
		}
	}
	return nil
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	read, wrong := 0, 0
	for lines.Scan() {
		var l line
		err := json.Unmarshal(lines.Bytes(), &l)
		if err == nil {
			if l.Kind == "request" {
				err = checkRequest(&l)
			} else {
				err = checkBody(&l)
			}
		}
		read++
		if err != nil {
			wrong++
			if wrong <= 20 {
				fmt.Printf("%s %q: %v\n", l.Kind, l.Body, err)
			}
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("%d read, %d wrong\n", read, wrong)
	if read == 0 || wrong > 0 {
		os.Exit(1)
	}
}
