extension Catalogue {
  /// leaks, and check.
  static let leaksAndCheck: [String: String] = [
    "the kernel does not give its result to programs": "内核不把它的结果交给程序",
    "the kernel gives programs no cookie of a socket": "内核不向程序提供套接字的 cookie",
    "the kernel has no kprobes": "内核没有 kprobe",
    "it names the socket since Linux 6.11": "Linux 6.11 起它才给出套接字",
    "to look for them costs less where they are only counted": "只计数时，扫描的开销更小",
    "No connection is in CLOSE_WAIT, and none is stuck in FIN_WAIT2.":
      "没有连接处于 CLOSE_WAIT，也没有连接卡在 FIN_WAIT2。",
    "CLOSE_WAIT: the peer has closed, the process has not": "CLOSE_WAIT：对端已关闭，本机进程没有关闭",
    "FIN_WAIT2: the process has closed, or shut down its side, and the peer has not closed":
      "FIN_WAIT2：本机进程已关闭（或 shutdown 了自己一侧），对端没有关闭",
    "and {0} more (--limit shows more)": "还有 {0} 个（--limit 可显示更多）",
    "descriptors {0}, they run out in {1}": "文件描述符 {0}，{1}后耗尽",
    "no leak: a relay, which has passed the end on and waits for {0} ({1})":
      "不是泄漏：是中继，已转发结束，正在等 {0}（{1}）",
    "no leak yet: the peer has only shut down its side, and waits for what comes":
      "还不是泄漏：对端只 shutdown 了自己一侧，还在等返回的数据",
    "{0} that no process has open: in flight in a unix socket, or registered with io_uring":
      "{0} 没有进程打开：正在 unix 套接字中传递，或注册在 io_uring 中",
    "opened by {0}": "由 {0} 建立",
    "who could accept: {0}": "可以 accept 的进程：{0}",
    "{0} bytes unread": "{0} 字节未读",
    "{0} bytes written and not taken by the peer: it may be blocked in send()":
      "已写 {0} 字节而对端未收：进程可能阻塞在 send()",
    "accept queue {0} of {1}, one waits for {2}": "全连接队列（accept 队列）{0}/{1}，其中一个已等待 {2}",
    "{0} held by other processes too: each must close (--each names them)":
      "{0} 同时被其他进程持有：每个都必须关闭（--each 会列出它们）",
    "a relay: it has passed on the end of another connection": "中继：它转发了另一个连接的结束",
    "{0} half closed by shutdown(): the process reads on": "{0} 由 shutdown() 半关闭：进程仍在读",
    "the other end: {0} ({1})": "另一端：{0}（{1}）",
    "Tracing works here.": "本机可以跟踪。",
    "Tracing is impossible here.": "本机无法跟踪。",
    "loads, used": "可加载，已使用",
    "loads, not used": "可加载，未使用",
    "sockets are told apart by address and ports, without the kernel's cookie, and each change of state costs more":
      "按地址和端口区分套接字，不用内核 cookie；每次状态变化开销更大",
    "no tracing": "无法跟踪",
    "who accepted is seen when accept() returns, or at the first read":
      "由谁 accept，在 accept() 返回时或第一次读时可知",
    "who accepted is seen at the first read": "由谁 accept，在第一次读时可知",
    "who accepted is not known, unless accept can be hooked": "无法得知由谁 accept，除非能挂钩 accept",
    "a TIME_WAIT after FIN_WAIT2 is seen at the end of a packet, or found by looking":
      "FIN_WAIT2 之后的 TIME_WAIT 在包处理结束时可见，或通过扫描发现",
    "a TIME_WAIT after FIN_WAIT2 is found by looking, up to 1.2 s late, if no other hook tells it":
      "FIN_WAIT2 之后的 TIME_WAIT 靠扫描发现，最多延迟 1.2 秒，除非有其他挂钩上报",
    "waiting connections are read by NETLINK_SOCK_DIAG, in the network namespaces that exist at the start":
      "等待中的连接通过 NETLINK_SOCK_DIAG 读取，仅限启动时已存在的网络命名空间",
    "holders are read from /proc, more slowly, and who opened older connections is not known":
      "持有者从 /proc 读取，较慢；较早的连接由谁建立无法得知",
    "older connections are read by NETLINK_SOCK_DIAG, more slowly":
      "较早的连接通过 NETLINK_SOCK_DIAG 读取，较慢",
    "who sends resets is not known": "无法得知由谁发出 RST",
    "what a process is, is read from /proc alone: of short-lived ones it is not known":
      "进程信息只从 /proc 读取：短命进程的信息无法得知",
    "children of a command are found in /proc: short-lived ones may be missed":
      "命令的子进程在 /proc 中查找：短命的可能漏掉",
    "Linux {0}.{1} or newer is needed": "需要 Linux {0}.{1} 或更高版本",
    "types (BTF)": "类型信息 (BTF)",
    "needed, unless the kernel's image is in /boot: mount /sys, or use CONFIG_DEBUG_INFO_BTF=y":
      "必需，除非 /boot 中有内核镜像：请挂载 /sys，或使用 CONFIG_DEBUG_INFO_BTF=y",
    "pid namespace": "PID 命名空间",
    "the initial one": "初始命名空间",
    "a nested one": "嵌套命名空间",
    "pids are those of the initial namespace; holders outside this one are not found":
      "pid 以初始命名空间为准；本命名空间之外的持有者找不到",
    "not granted": "未授予",
    "needed to load programs": "加载程序所需",
    "needed to read the kernel's memory": "读取内核内存所需",
    "in other network namespaces, older connections without a process are not known":
      "其他网络命名空间中，没有进程的较早连接无法得知",
    "network namespaces and descriptor counts of other users cannot be read":
      "无法读取其他用户的网络命名空间和文件描述符数量",
    "before Linux 5.11 maps count as locked memory: ulimit -l unlimited is needed instead":
      "Linux 5.11 之前 map 计入锁定内存：此时改为需要 ulimit -l unlimited",
    "--without was given": "指定了 --without",
    "who accepted is seen at the first read: a child that reads is named":
      "由谁 accept，在第一次读时可知：报告的可能是执行读取的子进程",
    "TIME_WAIT after FIN_WAIT2": "FIN_WAIT2 之后的 TIME_WAIT",
    "found by looking": "通过扫描发现",
    "told up to 1.2 s late; one that ends between two looks is counted as lost (unconfirmed)":
      "最多延迟 1.2 秒上报；在两次扫描之间结束的计为丢失（未确认）",
    "who accepted": "由谁 accept",
    "not hooked": "未挂钩",
    "the opener of a server's connection is not known": "无法得知服务端的连接由谁建立",
    "not on this kernel": "本内核不支持",
  ]
}
