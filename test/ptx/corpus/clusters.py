"""Clusters: ranks, shared memory of other CTAs, remote mbarriers, copies between CTAs, multicast (PTX ISA 9.0, sections 2.2.2, 5.1.7 and 9.7.13)."""
from copies import random_words
from program import Program, buffer, case, entry, zeros
from tensors import Map, words_of

M32 = (1 << 32) - 1
SYNC = "barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;"
# The thread's index in the grid to %r31 and the address of its word in p0 and p1; the CTA's rank to %r30.
PLACE = """  mov.u32 %r30, %cluster_ctarank; mov.u32 %r31, %ctaid.x; mov.u32 %r29, %ntid.x; mad.lo.u32 %r31, %r31, %r29, %t;
  mad.wide.u32 %rd8, %r31, 4, %p0; mad.wide.u32 %rd9, %r31, 4, %p1;"""


def ranks():
    """Every CTA of a grid of 4 x 4 in clusters of 2 x 2 writes what its registers say."""
    names = ["cluster_ctarank", "cluster_nctarank", "cluster_ctaid.x", "cluster_ctaid.y", "cluster_nctaid.x", "cluster_nctaid.y", "clusterid.x", "clusterid.y",
             "nclusterid.x", "nclusterid.y"]
    lines = ["  mov.u32 %r0, %ctaid.y; mov.u32 %r1, %ctaid.x; mad.lo.u32 %r0, %r0, 4, %r1; mad.wide.u32 %rd8, %r0, 48, %p0;"]
    lines += [f"  mov.u32 %r1, %{name}; st.global.u32 [%rd8+{4 * i}], %r1;" for i, name in enumerate(names)]
    lines.append("  mov.u32 %r2, tile; mapa.shared::cluster.u32 %r3, %r2, 3; getctarank.shared::cluster.u32 %r4, %r3; st.global.u32 [%rd8+40], %r4;")
    lines.append("  mov.u64 %rd1, tile; cvta.shared.u64 %rd1, %rd1; mapa.u64 %rd2, %rd1, 2; getctarank.u64 %r4, %rd2; st.global.u32 [%rd8+44], %r4;")
    want = []
    for y in range(4):
        for x in range(4):
            want += [x % 2 + 2 * (y % 2), 4, x % 2, y % 2, 2, 2, x // 2, y // 2, 2, 2, 3, 2]
    return Program("cluster-ranks", "Special registers of clusters, mapa and getctarank.",
                   entry("test", 1, "\n".join(lines), module=".shared .align 4 .b8 tile[16];"),
                   [case("test", [zeros(len(want))], {0: buffer(want)}, grid=(4, 4), block=(1,), cluster=(2, 2))], "sm_90a")


def exchange():
    """Reads of the next CTA's shared memory, then writes to it; a barrier of the cluster before each use."""
    threads, size = 64, 4
    source = random_words("cluster exchange", 2 * size * threads)
    body = f"""{PLACE}
  add.u32 %r28, %r30, 1; and.b32 %r28, %r28, 3;
  mov.u32 %r8, tile; mad.lo.u32 %r9, %t, 4, %r8; xor.b32 %r10, %t, 37; mad.lo.u32 %r10, %r10, 4, %r8; mapa.shared::cluster.u32 %r11, %r10, %r28;
  ld.global.u32 %r0, [%rd8]; st.shared.u32 [%r9], %r0;
  {SYNC}
  ld.shared::cluster.u32 %r1, [%r11]; not.b32 %r2, %r1; st.shared::cluster.u32 [%r11+256], %r2;
  mov.u64 %rd1, tile; cvta.shared.u64 %rd1, %rd1; mapa.u64 %rd1, %rd1, %r28; mad.wide.u32 %rd1, %t, 4, %rd1; ld.u32 %r3, [%rd1]; add.u32 %r1, %r1, %r3;
  st.global.u32 [%rd9], %r1;
  {SYNC}
  ld.shared.u32 %r4, [%r9+256]; st.global.u32 [%rd9+{4 * len(source)}], %r4;"""

    def at(cta, thread):
        return source[threads * cta + thread]

    read, written = [], []
    for cta in range(2 * size):
        following = cta // size * size + (cta + 1) % size
        read += [at(following, t ^ 37) + at(following, t) & M32 for t in range(threads)]
        written += [at(cta, t) ^ M32 for t in range(threads)]
    return Program("cluster-exchange", "ld and st of the next CTA's shared memory, by shared::cluster and by generic addresses.",
                   entry("test", 2, body, module=".shared .align 4 .b8 tile[512];"),
                   [case("test", [buffer(source), zeros(2 * len(source))], {1: buffer(read + written)}, grid=(2 * size,), block=(threads,), cluster=(size,))], "sm_90a")


def arrivals():
    """All threads of a cluster store into the first CTA and arrive at its mbarrier; the first CTA waits for them."""
    threads, size = 32, 4
    source = random_words("cluster arrivals", size * threads)
    body = f"""{PLACE}
  mov.u32 %r8, tile; mov.u32 %r9, bar; mapa.shared::cluster.u32 %r10, %r8, 0; mapa.shared::cluster.u32 %r11, %r9, 0;
  setp.ne.u32 %q0, %t, 0; @%q0 bra READY; mbarrier.init.shared.b64 [bar], {size * threads}; fence.mbarrier_init.release.cluster;
READY: {SYNC}
  ld.global.u32 %r0, [%rd8]; mad.lo.u32 %r12, %r31, 4, %r10; st.shared::cluster.u32 [%r12], %r0;
  mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r11];
  setp.ne.u32 %q1, %r30, 0; @%q1 bra DONE;
WAIT: mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %q2, [bar], 0; @!%q2 bra WAIT;
  mov.u32 %r1, 0;
COPY: mad.lo.u32 %r2, %r1, {4 * threads}, %r8; mad.lo.u32 %r2, %t, 4, %r2; ld.shared.u32 %r3, [%r2]; add.u32 %r3, %r3, 1;
  mad.wide.u32 %rd1, %r1, {4 * threads}, %rd9; st.global.u32 [%rd1], %r3; add.u32 %r1, %r1, 1; setp.lt.u32 %q3, %r1, {size}; @%q3 bra COPY;
DONE:"""
    return Program("cluster-arrivals", "Remote stores and arrivals at a remote mbarrier.",
                   entry("test", 2, body, module=f".shared .align 8 .b64 bar;\n.shared .align 4 .b8 tile[{4 * size * threads}];"),
                   [case("test", [buffer(source), zeros(len(source))], {1: buffer([w + 1 & M32 for w in source])}, grid=(size,), block=(threads,), cluster=(size,))],
                   "sm_90a")


def counters():
    """Atomics on the shared memory of CTA 1 by every thread of the cluster."""
    threads, size = 64, 2
    body = f"""{PLACE}
  mov.u32 %r8, tile; mapa.shared::cluster.u32 %r9, %r8, 1; mov.u32 %r0, 0; setp.ne.u32 %q0, %t, 0; @%q0 bra READY;
  st.shared.v2.u32 [%r8], {{%r0, %r0}};
READY: {SYNC}
  add.u32 %r1, %r31, 1; red.relaxed.cluster.shared::cluster.add.u32 [%r9], %r1; atom.shared::cluster.max.u32 %r2, [%r9+4], %r1;
  {SYNC}
  @%q0 bra DONE; ld.shared.v2.u32 {{%r3, %r4}}, [%r8]; mad.wide.u32 %rd1, %r30, 8, %p1; st.global.v2.u32 [%rd1], {{%r3, %r4}};
DONE:"""
    total = threads * size * (threads * size + 1) // 2
    return Program("cluster-atomics", "atom and red on the shared memory of another CTA.", entry("test", 2, body, module=".shared .align 8 .b8 tile[8];"),
                   [case("test", [zeros(1), zeros(4)], {1: buffer([0, 0, total, threads * size])}, grid=(size,), block=(threads,), cluster=(size,))], "sm_90a")


def copies(reduction):
    """Each CTA copies its tile into the next CTA's second tile, which an mbarrier there counts; reductions add to what lies there."""
    threads, size = 64, 2
    source = random_words(f"cluster copies{reduction}", size * threads)
    operation = "cp.reduce.async.bulk" if reduction else "cp.async.bulk"
    ending = ".add.u32" if reduction else ""
    body = f"""{PLACE}
  xor.b32 %r28, %r30, 1; mov.u32 %r8, tile; mad.lo.u32 %r9, %t, 4, %r8; mov.u32 %r10, bar; add.u32 %r11, %r8, 256;
  mapa.shared::cluster.u32 %r12, %r11, %r28; mapa.shared::cluster.u32 %r13, %r10, %r28;
  ld.global.u32 %r0, [%rd8]; st.shared.u32 [%r9], %r0; st.shared.u32 [%r9+256], %r31;
  fence.proxy.async.shared::cta;
  setp.ne.u32 %q0, %t, 0; @%q0 bra READY;
  mbarrier.init.shared.b64 [bar], 1; fence.mbarrier_init.release.cluster; mbarrier.arrive.expect_tx.shared.b64 _, [bar], 256;
READY: {SYNC}
  @%q0 bra WAIT;
  {operation}.shared::cluster.shared::cta.mbarrier::complete_tx::bytes{ending} [%r12], [%r8], 256, [%r13];
WAIT: mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %q1, [bar], 0; @!%q1 bra WAIT;
  ld.shared.u32 %r1, [%r9+256]; st.global.u32 [%rd9], %r1;
  {SYNC}"""
    want = [(source[(1 - cta) * threads + t] + (cta * threads + t if reduction else 0)) & M32 for cta in range(size) for t in range(threads)]
    return Program(f"cluster-{'reduce' if reduction else 'copy'}", f"{operation} from one CTA's shared memory to another's.",
                   entry("test", 2, body, module=".shared .align 8 .b64 bar;\n.shared .align 128 .b8 tile[512];"),
                   [case("test", [buffer(source), zeros(len(want))], {1: buffer(want)}, grid=(size,), block=(threads,), cluster=(size,))], "sm_90a")


MULTICAST = """{PLACE}
  mov.u32 %r8, tile; mov.b16 %h0, 3;
  setp.ne.u32 %q0, %t, 0; @%q0 bra READY;
  mbarrier.init.shared.b64 [bar], 1; fence.mbarrier_init.release.cluster; mbarrier.arrive.expect_tx.shared.b64 _, [bar], {bytes};
READY: {SYNC}
  @%q0 bra WAIT;
{copy}
WAIT: mbarrier.try_wait.parity.shared.b64 %q1, [bar], 0; @!%q1 bra WAIT;
  mov.u32 %r1, %t; mul.lo.u32 %r2, %r30, {words};
NEXT: mad.lo.u32 %r3, %r1, 4, %r8; ld.shared.u32 %r4, [%r3]; add.u32 %r5, %r2, %r1; mad.wide.u32 %rd1, %r5, 4, %p1; st.global.u32 [%rd1], %r4;
  add.u32 %r1, %r1, 32; setp.lt.u32 %q2, %r1, {words}; @%q2 bra NEXT;"""


def multicast_bulk():
    """Each of two CTAs copies one half into both."""
    source = random_words("multicast", 128)
    copy = """  mul.lo.u32 %r6, %r30, 256; add.u32 %r7, %r8, %r6; cvt.u64.u32 %rd2, %r6; add.u64 %rd2, %p0, %rd2;
  cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%r7], [%rd2], 256, [bar], %h0;"""
    body = MULTICAST.format(PLACE=PLACE, SYNC=SYNC, bytes=512, words=128, copy=copy)
    return Program("cluster-multicast-bulk", "cp.async.bulk into both CTAs of a cluster.",
                   entry("test", 2, body, module=".shared .align 8 .b64 bar;\n.shared .align 128 .b8 tile[512];"),
                   [case("test", [buffer(source), zeros(256)], {1: buffer(source * 2)}, grid=(2,), cluster=(2,))], "sm_90a")


def multicast_tensor():
    """The same with boxes of a swizzled tensor map."""
    tensor = Map("bf16", (64, 40), (64, 8), "128")
    copy = """  mov.b64 %rd3, map; cvta.param.u64 %rd3, %rd3; mul.lo.u32 %r6, %r30, 1024; add.u32 %r7, %r8, %r6; mul.lo.u32 %r6, %r30, 20; add.u32 %r6, %r6, 5; mov.u32 %r10, 0;
  cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster [%r7], [%rd3, {%r10, %r6}], [bar], %h0;"""
    body = MULTICAST.format(PLACE=PLACE, SYNC=SYNC, bytes=2048, words=512, copy=copy)
    text = entry("test", 2, body, module=".shared .align 8 .b64 bar;\n.shared .align 1024 .b8 tile[2048];")
    text = text.replace(".param .u64 a1)", ".param .u64 a1, .param .align 64 .b8 map[128])")
    both = words_of(tensor.loaded((0, 5)) + tensor.loaded((0, 25)))
    return Program("cluster-multicast-tensor", "cp.async.bulk.tensor into both CTAs of a cluster.", text,
                   [case("test", [zeros(1), zeros(1024), tensor.argument()], {1: buffer(both * 2)}, grid=(2,), cluster=(2,))], "sm_90a")


def programs():
    yield ranks()
    yield exchange()
    yield arrivals()
    yield counters()
    yield copies(False)
    yield copies(True)
    yield multicast_bulk()
    yield multicast_tensor()
