"""Command lines and configuration files of every component."""

import json
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.cluster import cgroups
from tests.e2e.cluster.layout import API_PORT, CLUSTER_DOMAIN, PAUSE_IMAGE, Layout, Network, Node

CNI_PLUGINS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
Flags = Mapping[str, object]


def control_plane(layout: Layout, network: Network) -> dict[str, list[str]]:
    """Command lines by component, in start order; the API server must be ready before those behind it."""
    pki = layout.pki
    flags: dict[str, Flags] = {
        "etcd": {
            "data-dir": "/var/lib/etcd",
            "unsafe-no-fsync": "true",
            "listen-client-urls": "http://127.0.0.1:2379",
            "advertise-client-urls": "http://127.0.0.1:2379",
            "listen-peer-urls": "http://127.0.0.1:2380",
            "log-level": "warn",
        },
        "kube-apiserver": {
            "etcd-servers": "http://127.0.0.1:2379",
            "bind-address": "0.0.0.0",
            "secure-port": API_PORT,
            "advertise-address": network.first.address,
            "service-cluster-ip-range": network.services,
            "allow-privileged": "true",
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            "client-ca-file": pki / "ca.crt",
            "tls-cert-file": pki / "apiserver.crt",
            "tls-private-key-file": pki / "apiserver.key",
            "kubelet-certificate-authority": pki / "ca.crt",
            "kubelet-client-certificate": pki / "apiserver-kubelet.crt",
            "kubelet-client-key": pki / "apiserver-kubelet.key",
            "kubelet-preferred-address-types": "InternalIP",
            "proxy-client-cert-file": pki / "front-proxy.crt",
            "proxy-client-key-file": pki / "front-proxy.key",
            "requestheader-client-ca-file": pki / "front-proxy-ca.crt",
            "requestheader-username-headers": "X-Remote-User",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "service-account-issuer": f"https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
            "service-account-key-file": pki / "service-account.key",
            "service-account-signing-key-file": pki / "service-account.key",
        },
        "kube-controller-manager": {
            **_kubeconfigs(pki / "kube-controller-manager.kubeconfig"),
            "bind-address": "127.0.0.1",
            "leader-elect": "false",
            "kube-api-qps": 1000,  # the default of 20 delays the default service account by 5 s
            "kube-api-burst": 1000,
            "use-service-account-credentials": "true",
            "service-account-private-key-file": pki / "service-account.key",
            "root-ca-file": pki / "ca.crt",
            "cluster-signing-cert-file": pki / "ca.crt",
            "cluster-signing-key-file": pki / "ca.key",
        },
        "kube-scheduler": {
            **_kubeconfigs(pki / "kube-scheduler.kubeconfig"),
            "bind-address": "127.0.0.1",
            "leader-elect": "false",
        },
        "coredns": {"conf": layout.node(network.first).config / "Corefile"},
    }
    return {name: _command(name, given) for name, given in flags.items()}


def node_agents(layout: Layout, node: Node) -> dict[str, list[str]]:
    """Command lines of what every node runs, in start order."""
    config = layout.node(node).config
    flags: dict[str, Flags] = {
        "containerd": {"config": config / "containerd.toml"},
        "kubelet": {
            "config": config / "kubelet.json",
            "kubeconfig": layout.pki / f"{node.name}.kubeconfig",
            "hostname-override": node.name,
            "node-ip": node.address,
        },
        "kube-proxy": {"config": config / "kube-proxy.json"},
    }
    return {name: _command(name, given) for name, given in flags.items()}


def write_configuration(layout: Layout, network: Network, node: Node) -> None:
    config = layout.node(node).config
    cni, plugins = config / "cni", next((path for path in CNI_PLUGINS if path.is_dir()), CNI_PLUGINS[0])
    cni.mkdir(exist_ok=True)
    documents = {
        cni / "10-pods.conflist": _pod_network(node),
        config / "kubelet.json": _kubelet(layout, network, node),
        config / "kube-proxy.json": _kube_proxy(layout, network, node),
    }
    for path, document in documents.items():
        path.write_text(json.dumps(document, indent=2))
    (config / "containerd.toml").write_text(_CONTAINERD.format(pause=PAUSE_IMAGE, cni=cni, plugins=plugins))
    corefile = _COREFILE.format(domain=CLUSTER_DOMAIN, kubeconfig=layout.pki / "coredns.kubeconfig")
    (config / "Corefile").write_text(corefile)


def _command(name: str, flags: Flags) -> list[str]:
    return [name, *(f"--{flag}={value}" for flag, value in flags.items())]


def _kubeconfigs(path: Path) -> dict[str, object]:
    return dict.fromkeys(("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"), path)


# `restrict_oom_score_adj`: where root lacks CAP_SYS_RESOURCE, no process may lower its score below its parent's.
_CONTAINERD = """\
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{cni}"
"""

_COREFILE = """\
{domain}:53 in-addr.arpa:53 {{
    ready 127.0.0.1:8181
    errors
    cache 2
    kubernetes {domain} in-addr.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        ttl 2
    }}
}}
"""


def _pod_network(node: Node) -> dict[str, object]:
    """Routed point-to-point links: unlike a bridge, they need no bridge-netfilter for Services to work."""
    addresses = {"type": "host-local", "ranges": [[{"subnet": node.pods}]], "routes": [{"dst": "0.0.0.0/0"}]}
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [
            {"type": "ptp", "ipMasq": False, "ipam": addresses},
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def _kubelet(layout: Layout, network: Network, node: Node) -> dict[str, object]:
    never_evict = dict.fromkeys(("nodefs.available", "nodefs.inodesFree", "imagefs.available"), "0%")
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(layout.pki / f"{node.name}.crt"),
        "tlsPrivateKeyFile": str(layout.pki / f"{node.name}.key"),
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroups.path_of(node.name),
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": _own_oom_score(),
        "clusterDomain": CLUSTER_DOMAIN,
        "clusterDNS": [network.first.address],
        "resolvConf": "",
        "evictionHard": never_evict,
        "imageGCHighThresholdPercent": 100,
    }


def _kube_proxy(layout: Layout, network: Network, node: Node) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(layout.pki / "kube-proxy.kubeconfig")},
        "hostnameOverride": node.name,
        "clusterCIDR": network.pods,
        "mode": "iptables",
        "iptables": {"minSyncPeriod": "0s", "syncPeriod": "30s"},
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "oomScoreAdj": _own_oom_score(),
    }


def _own_oom_score() -> int:
    return int(Path("/proc/self/oom_score_adj").read_text())
