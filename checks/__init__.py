"""What check.py knows. Its files, in the order in which a submission meets them:

submissions, archives, folders, source   find a student's scripts in a folder, a zip, a class
class_run, cache                         judge many at a time; what has not changed is recalled
experiments, small_cases                 the inputs that are sent to a submission
sandbox, warden                          the child process, and what keeps it in
probe, probe_*                           the child: loads the script, calls it, returns numbers
observed, observations, network          what came back, as arrays in the textbooks' shapes
twins, mistakes, mistakes_*              the textbooks, and each known mistake with its wrong twins
explain                                  which twin agrees with what was observed
judge, judge_*, interface, verdict       the verdict of each part, and its findings
certificate, certificate_torch           the smallest numbers that show a mistake
parts, summary, text, page, machine_formats   the results, and the formats they are written in
"""
